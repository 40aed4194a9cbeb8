;; What a compiler that knows nothing but WASI's first preview gets in its place: an adapter, in the words of
;; `wit-component`. It lives in the module's own memory and reaches nothing but the gateway's log, where it writes what the
;; plugin prints, line by line: a panic's words, above all.
;;
;; It must not grow the memory: Go's runtime takes it for granted that nobody else does, and would hand out the same page.
;; So what is printed goes to the log from where it lies. Only an SDK that knows of us lends a buffer in which lines can
;; grow: see `lend_line`.
;;
;; There are no files, no arguments and no environment. Random bytes are always the same. Time begins with each
;; instance and moves by a microsecond whenever somebody looks: Go's runtime stops if its clock stands at zero, and waits
;; for ever if it stands still.
(module
  (import "tallygate:plugin/log@1.0.0" "emit" (func $emit (param $level i32) (param $start i32) (param $length i32)))
  (import "env" "memory" (memory 0))

  ;; Numbers of errors: `badf` and `nosys`.
  (global $bad_file i32 (i32.const 8))
  (global $not_here i32 (i32.const 52))
  ;; Levels of the log.
  (global $info i32 (i32.const 1))
  (global $warn i32 (i32.const 2))
  (global $error i32 (i32.const 3))

  (global $now (mut i64) (i64.const 0))
  ;; Longer lines are broken: the gateway would cut them.
  (global $longest i32 (i32.const 1024))
  ;; The line of standard error that has not ended: where the buffer lies that was lent for it (0: none was), its size, and
  ;; how much of it is used.
  (global $line (mut i32) (i32.const 0))
  (global $line_size (mut i32) (i32.const 0))
  (global $line_length (mut i32) (i32.const 0))
  ;; Whether Go's runtime has said why it ends: what follows are traces.
  (global $is_ending (mut i32) (i32.const 0))

  ;; === UTF-8 ===

  (func $is_between (param $byte i32) (param $first i32) (param $last i32) (result i32)
    (i32.le_u (i32.sub (local.get $byte) (local.get $first)) (i32.sub (local.get $last) (local.get $first))))

  ;; Whether the byte is one of those that follow the first byte of a character.
  (func $continues (param $at i32) (result i32)
    (i32.eq (i32.and (i32.load8_u (local.get $at)) (i32.const 0xc0)) (i32.const 0x80)))

  ;; How many bytes the character at `at` has; 0 if there is none that is valid and ends before `end`. By table 3-7 of the
  ;; Unicode standard.
  (func $character (param $at i32) (param $end i32) (result i32)
    (local $first i32) (local $second i32) (local $size i32) (local $low i32) (local $high i32)
    (local.set $first (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $first) (i32.const 0x80)) (then (return (i32.const 1))))
    (if (i32.eqz (call $is_between (local.get $first) (i32.const 0xc2) (i32.const 0xf4))) (then (return (i32.const 0))))
    (local.set $size (i32.add (i32.const 2)
      (i32.add (i32.ge_u (local.get $first) (i32.const 0xe0)) (i32.ge_u (local.get $first) (i32.const 0xf0)))))
    (if (i32.gt_u (local.get $size) (i32.sub (local.get $end) (local.get $at))) (then (return (i32.const 0))))
    (local.set $low (i32.const 0x80))
    (local.set $high (i32.const 0xbf))
    (if (i32.eq (local.get $first) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
    (if (i32.eq (local.get $first) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
    (if (i32.eq (local.get $first) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
    (if (i32.eq (local.get $first) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
    (local.set $second (i32.load8_u offset=1 (local.get $at)))
    (if (i32.eqz (call $is_between (local.get $second) (local.get $low) (local.get $high)))
      (then (return (i32.const 0))))
    (if (i32.ge_u (local.get $size) (i32.const 3))
      (then (if (i32.eqz (call $continues (i32.add (local.get $at) (i32.const 2)))) (then (return (i32.const 0))))))
    (if (i32.eq (local.get $size) (i32.const 4))
      (then (if (i32.eqz (call $continues (i32.add (local.get $at) (i32.const 3)))) (then (return (i32.const 0))))))
    (local.get $size))

  ;; Where to cut at or before `at`, at which another byte lies, without cutting a character.
  (func $cut (param $at i32) (result i32)
    (local $back i32)
    (loop $again
      (if (i32.eqz (call $continues (i32.sub (local.get $at) (local.get $back))))
        (then (return (i32.sub (local.get $at) (local.get $back)))))
      (local.set $back (i32.add (local.get $back) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $back) (i32.const 4))))
    ;; There is no character.
    (local.get $at))

  ;; Writes what lies from `start` to `end` to the log; it is known to be UTF-8 up to `at`. A byte that is not becomes a
  ;; question mark for as long as the gateway reads: there is no memory for a copy, and the text is the caller's. One call
  ;; waits for each such byte, of which there are no more than the longest line has.
  (func $emit_text (param $level i32) (param $start i32) (param $at i32) (param $end i32)
    (local $size i32) (local $wrong i32)
    (block $is_wrong
      (loop $next
        (if (i32.ge_u (local.get $at) (local.get $end))
          (then
            (call $emit (local.get $level) (local.get $start) (i32.sub (local.get $end) (local.get $start)))
            (return)))
        (local.set $size (call $character (local.get $at) (local.get $end)))
        (br_if $is_wrong (i32.eqz (local.get $size)))
        (local.set $at (i32.add (local.get $at) (local.get $size)))
        (br $next)))
    (local.set $wrong (i32.load8_u (local.get $at)))
    (i32.store8 (local.get $at) (i32.const 0x3f))
    (call $emit_text (local.get $level) (local.get $start) (i32.add (local.get $at) (i32.const 1)) (local.get $end))
    (i32.store8 (local.get $at) (local.get $wrong)))

  ;; === Lines ===

  ;; Writes a line to the log, in pieces if it is long, and not at all if it is empty.
  (func $emit_line (param $level i32) (param $start i32) (param $end i32)
    (local $cut i32)
    (loop $again
      (if (i32.gt_u (i32.sub (local.get $end) (local.get $start)) (global.get $longest))
        (then
          (local.set $cut (call $cut (i32.add (local.get $start) (global.get $longest))))
          (call $emit_text (local.get $level) (local.get $start) (local.get $start) (local.get $cut))
          (local.set $start (local.get $cut))
          (br $again))))
    (if (i32.ne (local.get $start) (local.get $end))
      (then (call $emit_text (local.get $level) (local.get $start) (local.get $start) (local.get $end)))))

  ;; Writes lines to the log from where they lie.
  (func $print (param $level i32) (param $start i32) (param $end i32)
    (local $at i32)
    (local.set $at (local.get $start))
    (block $done
      (loop $next_byte
        (br_if $done (i32.eq (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10))
          (then
            (call $emit_line (local.get $level) (local.get $start) (local.get $at))
            (local.set $start (i32.add (local.get $at) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next_byte)))
    (call $emit_line (local.get $level) (local.get $start) (local.get $end)))

  ;; Whether the line in the buffer is one in which Go's runtime says why it ends: `panic: …`, that of a panic in a panic,
  ;; `fatal error: …`.
  (func $says_why (result i32)
    (local $begin i64)
    (if (i32.lt_u (global.get $line_length) (i32.const 8)) (then (return (i32.const 0))))
    (local.set $begin (i64.load (global.get $line)))
    (i32.or
      (i32.or
        ;; "panic: ", "\tpanic: ", "fatal er", the first letter lowest.
        (i64.eq (i64.and (local.get $begin) (i64.const 0x00ff_ffff_ffff_ffff)) (i64.const 0x0020_3a63_696e_6170))
        (i64.eq (local.get $begin) (i64.const 0x203a_6369_6e61_7009)))
      (i64.eq (local.get $begin) (i64.const 0x7265_206c_6174_6166))))

  ;; Writes what is in the buffer to the log, as far as `end`. The gateway takes the last message of level `error` for the
  ;; plugin's last words: the traces that follow why the plugin ends must not be that.
  (func $end_line (param $end i32)
    (local $level i32)
    (local.set $level (global.get $error))
    (if (call $says_why)
      (then (global.set $is_ending (i32.const 1)))
      (else (if (global.get $is_ending) (then (local.set $level (global.get $warn))))))
    (call $emit_line (local.get $level) (global.get $line) (local.get $end)))

  ;; Adds a byte to the buffer. Go's runtime writes what it says in pieces of a word or less.
  (func $add (param $byte i32)
    (local $at i32) (local $cut i32)
    (local.set $at (i32.add (global.get $line) (global.get $line_length)))
    (if (i32.eq (local.get $byte) (i32.const 10))
      (then
        (call $end_line (local.get $at))
        (global.set $line_length (i32.const 0))
        (return)))
    (i32.store8 (local.get $at) (local.get $byte))
    (global.set $line_length (i32.add (global.get $line_length) (i32.const 1)))
    (if (i32.eq (global.get $line_length) (global.get $line_size))
      (then
        (local.set $cut (call $cut (local.get $at)))
        (call $end_line (local.get $cut))
        (global.set $line_length (i32.sub (i32.add (local.get $at) (i32.const 1)) (local.get $cut)))
        (memory.copy (global.get $line) (local.get $cut) (global.get $line_length)))))

  ;; An SDK's to call, at the start and whenever a call has ended: lends a buffer of at least 16 bytes, which must stay
  ;; where it is, for lines of standard error. What is in the last one and has not ended is written first.
  (func $lend_line (export "lend_line") (param $start i32) (param $size i32)
    (if (global.get $line_length)
      (then (call $end_line (i32.add (global.get $line) (global.get $line_length)))))
    (global.set $line_length (i32.const 0))
    (global.set $is_ending (i32.const 0))
    (global.set $line (local.get $start))
    (global.set $line_size (local.get $size)))

  (func (export "fd_write") (param $file i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $at i32) (local $end i32) (local $sum i32)
    (if (i32.gt_u (i32.sub (local.get $file) (i32.const 1)) (i32.const 1)) (then (return (global.get $bad_file))))
    (block $done
      (loop $next_piece
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $at (i32.load (local.get $pieces)))
        (local.set $end (i32.add (local.get $at) (i32.load offset=4 (local.get $pieces))))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $pieces))))
        (if (i32.eq (local.get $file) (i32.const 1))
          (then (call $print (global.get $info) (local.get $at) (local.get $end)))
          (else
            (if (global.get $line)
              (then
                (block $end_of_piece
                  (loop $next_byte
                    (br_if $end_of_piece (i32.eq (local.get $at) (local.get $end)))
                    (call $add (i32.load8_u (local.get $at)))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br $next_byte))))
              (else (call $print (global.get $error) (local.get $at) (local.get $end))))))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next_piece)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  (func (export "proc_exit") (param i32)
    (call $lend_line (i32.const 0) (i32.const 0))
    unreachable)

  (func (export "clock_time_get") (param i32 i64) (param $time i32) (result i32)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $time) (global.get $now))
    (i32.const 0))
  (func (export "clock_res_get") (param i32) (param $resolution i32) (result i32)
    (i64.store (local.get $resolution) (i64.const 1000))
    (i32.const 0))
  ;; Whoever waits is told at once that nothing has happened.
  (func (export "poll_oneoff") (param i32 i32 i32) (param $events i32) (result i32)
    (i32.store (local.get $events) (i32.const 0))
    (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "random_get") (param $start i32) (param $length i32) (result i32)
    (memory.fill (local.get $start) (i32.const 0x54) (local.get $length))
    (i32.const 0))

  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $none))
  (export "environ_sizes_get" (func $none))
  (func $nothing (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $nothing))
  (export "environ_get" (func $nothing))

  ;; Everything about files and sockets fails, by the types of the parameters.
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (global.get $bad_file))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (global.get $bad_file))
  (func (export "fd_close") (param i32) (result i32) (global.get $bad_file))
  (func (export "fd_datasync") (param i32) (result i32) (global.get $bad_file))
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (global.get $bad_file))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (global.get $bad_file))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (global.get $bad_file))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (global.get $bad_file))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (global.get $bad_file))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (global.get $bad_file))
  (func (export "fd_renumber") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (global.get $bad_file))
  (func (export "fd_sync") (param i32) (result i32) (global.get $bad_file))
  (func (export "fd_tell") (param i32 i32) (result i32) (global.get $bad_file))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (global.get $not_here))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (global.get $not_here))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (global.get $not_here))
  (func (export "proc_raise") (param i32) (result i32) (global.get $not_here)))
