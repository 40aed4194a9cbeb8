package tallygate

import (
	"bytes"
	"net/netip"
)

// ReadAddress reads an address as people and programs write it, by the gateway's rules (gateway/docs/addresses.md in
// Tallygate): with a port, in brackets, with a zone. IPv4 in the disguise of IPv6 is IPv4. Numbers with leading zeros
// are not read, since programs differ about them.
func ReadAddress(text []byte) (netip.Addr, bool) {
	text = bytes.TrimSpace(text)
	colon := bytes.IndexByte(text, ':')
	// Databases write a single host as a network of one address.
	if colon < 0 {
		text = bytes.TrimSuffix(text, []byte("/32"))
	} else if !bytes.HasSuffix(text, []byte("]/128")) {
		text = bytes.TrimSuffix(text, []byte("/128"))
	}
	if len(text) > 0 && text[0] == '[' {
		inside, port, closed := bytes.Cut(text[1:], []byte("]"))
		if !closed || len(port) > 0 && (port[0] != ':' || !isPort(port[1:])) {
			return netip.Addr{}, false
		}
		return readV6(inside)
	}
	if colon < 0 {
		return readV4(text)
	}
	if bytes.IndexByte(text[:colon], '.') >= 0 {
		if !isPort(text[colon+1:]) {
			return netip.Addr{}, false
		}
		return readV4(text[:colon])
	}
	if address, ok := readV6(text); ok {
		return address, true
	}
	return readEightGroupsAndPort(text)
}

// readV4 is by hand, since nearly all addresses are of this kind: netip takes four times as long.
func readV4(text []byte) (netip.Addr, bool) {
	var bytes [4]byte
	part, digits, value := 0, 0, 0
	for _, letter := range text {
		switch {
		case letter == '.' && digits > 0 && part < 3:
			bytes[part] = byte(value)
			part, digits, value = part+1, 0, 0
		// 010 is ten to some programs and eight to others.
		case letter >= '0' && letter <= '9' && (digits == 0 || value > 0):
			digits, value = digits+1, value*10+int(letter-'0')
			if value > 255 {
				return netip.Addr{}, false
			}
		default:
			return netip.Addr{}, false
		}
	}
	bytes[part] = byte(value)
	return netip.AddrFrom4(bytes), part == 3 && digits > 0
}

func readV6(text []byte) (netip.Addr, bool) {
	text, zone, hasZone := bytes.Cut(text, []byte("%"))
	// The zone belongs to the machine that wrote the log; it is something printable, and not nothing.
	if hasZone && len(zone) == 0 || bytes.ContainsFunc(zone, func(letter rune) bool { return letter <= ' ' || letter > '~' }) {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(string(text))
	if err != nil || !address.Is6() {
		return netip.Addr{}, false
	}
	return address.Unmap(), true
}

// readEightGroupsAndPort reads `2001:db8:1:2:3:4:5:6:443`: with all eight groups there, what follows can be nothing but
// a port.
func readEightGroupsAndPort(text []byte) (netip.Addr, bool) {
	if bytes.Count(text, []byte(":")) != 8 || bytes.Contains(text, []byte("::")) || bytes.IndexByte(text, '%') >= 0 {
		return netip.Addr{}, false
	}
	last := bytes.LastIndexByte(text, ':')
	if !isPort(text[last+1:]) {
		return netip.Addr{}, false
	}
	return readV6(text[:last])
}

// isPort: one to five digits. Proxies write port 0 where they know none.
func isPort(text []byte) bool {
	number := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return false
		}
		number = number*10 + int(digit-'0')
		if number > 65535 {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 5
}
