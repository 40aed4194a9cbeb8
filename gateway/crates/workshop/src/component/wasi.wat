;; What a compiler that knows nothing but WASI's first preview gets in its place: an adapter, in the words of
;; `wit-component`. It lives in the module's own memory and reaches nothing but the gateway's log, where it writes what the
;; plugin prints, line by line: a panic's words, above all.
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

  (global $now (mut i64) (i64.const 0))
  ;; The line that is being printed: a page of memory, taken at the first byte.
  (global $line (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  ;; Longer lines are broken; the gateway cuts them here anyway.
  (global $longest i32 (i32.const 1024))

  ;; Writes the line to the log, if there is something in it.
  (func $end_line (param $level i32)
    (if (global.get $length)
      (then (call $emit (local.get $level) (global.get $line) (global.get $length))))
    (global.set $length (i32.const 0)))

  (func $print_byte (param $level i32) (param $byte i32)
    (if (i32.eqz (global.get $line))
      (then
        (global.set $line (memory.grow (i32.const 1)))
        (if (i32.eq (global.get $line) (i32.const -1)) (then unreachable))
        (global.set $line (i32.shl (global.get $line) (i32.const 16)))))
    (if (i32.eq (local.get $byte) (i32.const 10))
      (then (call $end_line (local.get $level)) (return)))
    (i32.store8 (i32.add (global.get $line) (global.get $length)) (local.get $byte))
    (global.set $length (i32.add (global.get $length) (i32.const 1)))
    (if (i32.eq (global.get $length) (global.get $longest))
      (then (call $end_line (local.get $level)))))

  (func (export "fd_write") (param $file i32) (param $pieces i32) (param $count i32) (param $written i32) (result i32)
    (local $level i32) (local $at i32) (local $end i32) (local $sum i32)
    ;; Standard output is `info`, standard error is `error`.
    (local.set $level (select (i32.const 1) (i32.const 3) (i32.eq (local.get $file) (i32.const 1))))
    (if (i32.gt_u (i32.sub (local.get $file) (i32.const 1)) (i32.const 1)) (then (return (global.get $bad_file))))
    (block $done
      (loop $next_piece
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $at (i32.load (local.get $pieces)))
        (local.set $end (i32.add (local.get $at) (i32.load offset=4 (local.get $pieces))))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $pieces))))
        (block $end_of_piece
          (loop $next_byte
            (br_if $end_of_piece (i32.eq (local.get $at) (local.get $end)))
            (call $print_byte (local.get $level) (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next_byte)))
        (local.set $pieces (i32.add (local.get $pieces) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next_piece)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  (func (export "proc_exit") (param i32)
    (call $end_line (i32.const 3))
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
