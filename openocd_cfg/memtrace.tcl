# SPDX-License-Identifier: Apache-2.0
#
# memtrace without GDB: OpenOCD itself looks at the ring and at the heaps, saves them, and stops at a heap's assertion.
#
#   memtrace_elf APP.elf       where ring, heaps and assertion are; or set MEMTRACE_ELF before this file is read
#   memtrace_symbol NAME ADDR  the same by hand, where there is no ELF
#   memtrace_status            what is there
#   memtrace_dump FILE         ring and heaps into FILE-ADDRESS.bin, and the command that opens them
#   memtrace_arm [WHERE]       a hardware breakpoint where a heap assertion stops: a symbol or an address
#
# A running target is halted for it and goes on afterwards. Nothing is written to its memory. What is read there is not
# believed: the list of heaps is bounded, and each of its nodes looked at before it is followed.

set memtrace_symbols {}
set memtrace_wanted {memtrace_ring registered_heaps memtrace_assert_stop __assert_func abort}
set memtrace_program ""
set memtrace_largest 0x1000000 ;# bytes: more than a chip has

# ---- symbols ----

proc memtrace_symbol {name address} {
	global memtrace_symbols
	set memtrace_symbols([string trim $name]) [expr {$address}]
}

proc memtrace_bytes {file offset length} {
	$file seek $offset
	return [$file read $length]
}

# The section headers of an ELF file of 32 bits: a list of {type offset size link}.
proc memtrace_sections {file head} {
	set offset [unpack $head -uintle 256 32]
	set size [unpack $head -uintle 368 16]
	set count [unpack $head -uintle 384 16]
	set found {}
	for {set i 0} {$i < $count && $i < 1000} {incr i} {
		set section [memtrace_bytes $file [expr {$offset + $i * $size}] 40]
		if {[string bytelength $section] < 40} { break }
		set fields {}
		foreach bit {32 128 160 192} { lappend fields [unpack $section -uintle $bit 32] }
		lappend found $fields
	}
	return $found
}

# Every place of `name` in a table of strings: linkers let a name be the end of another.
proc memtrace_places {strings name} {
	set places {}
	for {set at 0} {[set at [string first "$name\0" $strings $at]] >= 0} {incr at} { lappend places $at }
	return $places
}

proc memtrace_wanted_places {strings} {
	global memtrace_wanted
	set wanted {}
	foreach name $memtrace_wanted {
		foreach place [memtrace_places $strings $name] { set wanted($place) $name }
	}
	return $wanted
}

# A symbol of the program counts once it has an address.
proc memtrace_take_symbols {table wanted} {
	set count [expr {[string bytelength $table] / 16}]
	for {set i 0} {$i < $count} {incr i} {
		set name [unpack $table -uintle [expr {128 * $i}] 32]
		if {![dict exists $wanted $name]} { continue }
		set address [unpack $table -uintle [expr {128 * $i + 32}] 32]
		if {$address != 0} { memtrace_symbol [dict get $wanted $name] $address }
	}
}

# Little-endian, of 32 bits.
proc memtrace_is_elf {head} {
	return [expr {[string bytelength $head] == 52 && [string range $head 1 3] eq "ELF" &&
		[unpack $head -uintle 32 8] == 1 && [unpack $head -uintle 40 8] == 1}]
}

# The first table of symbols (type 2) and the strings that it is linked to; returns whether there is one.
proc memtrace_take_first_table {file sections} {
	foreach section $sections {
		lassign $section type offset size link
		if {$type == 2 && $link < [llength $sections]} {
			lassign [lindex $sections $link] type strings_offset strings_size
			set wanted [memtrace_wanted_places [memtrace_bytes $file $strings_offset $strings_size]]
			memtrace_take_symbols [memtrace_bytes $file $offset $size] $wanted
			return 1
		}
	}
	return 0
}

proc memtrace_elf {path} {
	global memtrace_symbols memtrace_program
	set file [open $path rb]
	set head [$file read 52]
	set found [expr {[memtrace_is_elf $head] && [memtrace_take_first_table $file [memtrace_sections $file $head]]}]
	$file close
	if {!$found} { return "$path is no little-endian ELF file of 32 bits with symbols" }
	set memtrace_program $path
	return "[dict size $memtrace_symbols] addresses known: [join [dict keys $memtrace_symbols] {, }]"
}

# The address of a symbol, "" if it is not known.
proc memtrace_address {name} {
	global memtrace_symbols
	return [expr {[dict exists $memtrace_symbols $name] ? [dict get $memtrace_symbols $name] : {}}]
}

# ---- the target ----

# What cannot be read is zero here, which is neither a heap, nor a ring, nor text.
proc memtrace_words {address count {width 32}} {
	if {[catch {read_memory $address $width $count} words]} { return [lrepeat $count 0] }
	return $words
}

proc memtrace_word {address} {
	return [expr {[lindex [memtrace_words $address 1] 0]}]
}

# Text of at most `length` bytes, NUL-padded.
proc memtrace_text {address length} {
	set text ""
	foreach byte [memtrace_words $address $length 8] {
		if {$byte == 0} { break }
		append text [format %c [expr {$byte >= 32 && $byte < 127 ? $byte : 63}]]
	}
	return $text
}

proc memtrace_state {} {
	return [[target current] curstate]
}

# Runs a script with the target halted; one that ran goes on afterwards, whatever came of it.
proc memtrace_while_halted {script} {
	set ran [expr {[memtrace_state] eq "running"}]
	if {$ran} { halt }
	set failed [catch {uplevel 1 $script} result]
	if {$ran} { resume }
	return -code [expr {$failed ? {error} : {ok}}] $result
}

# ---- what is there ----

# One node of registered_heaps, its words from the capabilities on: {heap start end next}, or {} if it is none.
proc memtrace_node {node shift} {
	set words [memtrace_words [expr {$node + $shift}] 9]
	foreach {name index} {start 3 end 4 heap 7 next 8} { set $name [expr {[lindex $words $index]}] }
	if {$start >= $end || $end - $start > $::memtrace_largest || ($heap != 0 && ($heap < $start || $heap >= $end))} { return {} }
	return [list $heap $start $end $next]
}

# The registered heaps: a list of {heap start end}. A node may begin with the pointer to a name.
proc memtrace_heaps {} {
	set head [memtrace_address registered_heaps]
	set node [expr {$head eq {} ? 0 : [memtrace_word $head]}]
	if {$node == 0} { return {} }
	set shift [expr {[memtrace_node $node 0] ne {} ? 0 : 4}]
	set heaps {}
	for {set i 0} {$node != 0 && $i < 64} {incr i} {
		set found [memtrace_node $node $shift]
		if {$found eq {}} { break }
		lassign $found heap start end node
		if {$heap != 0} { lappend heaps [list $heap $start $end] }
	}
	return $heaps
}

# Address and bytes of the ring; {} if there is none. The magic's first byte is written last.
proc memtrace_ring {} {
	set pointer [memtrace_address memtrace_ring]
	set ring [expr {$pointer eq {} ? 0 : [memtrace_word $pointer]}]
	if {$ring == 0 || [memtrace_word $ring] != 0x4d454d89} { return {} }
	set bytes [expr {[memtrace_word [expr {$ring + 32}]] + 0}]
	return [list $ring [expr {$bytes < $::memtrace_largest ? $bytes : $::memtrace_largest}]]
}

proc memtrace_ring_line {ring bytes} {
	set states {recording {recording frees only} stopped {frozen by an assertion}}
	set state [memtrace_word [expr {$ring + 132}]]
	set line "ring   [format 0x%08x $ring], $bytes bytes; [expr {$state < 4 ? [lindex $states $state] : {state unknown}}]"
	if {[memtrace_word [expr {$ring + 244}]] != 0} {
		append line ": [memtrace_text [expr {$ring + 344}] 32]: [memtrace_text [expr {$ring + 248}] 96]"
	}
	return $line
}

proc memtrace_heap_line {heap start end} {
	return [format "heap   0x%08x..0x%08x, multi_heap@0x%08x" $start $end $heap]
}

proc memtrace_lines {} {
	set lines {}
	foreach heap [memtrace_heaps] { lappend lines [memtrace_heap_line {*}$heap] }
	if {$lines eq {}} { lappend lines "heap   none found: memtrace_elf APP.elf names registered_heaps; or continue to main, then look again" }
	set ring [memtrace_ring]
	lappend lines [expr {$ring ne {} ? [memtrace_ring_line {*}$ring] : "ring   none found: memtrace_elf APP.elf names memtrace_ring; or it is not set up yet"}]
	return $lines
}

proc memtrace_status {} {
	set target "target [target current], [memtrace_state]"
	return [join [linsert [memtrace_while_halted memtrace_lines] 0 $target] \n]
}

# ---- saving ----

proc memtrace_save_one {path address bytes} {
	set file [format "%s-%08x.bin" $path $address]
	if {[file exists $file] && ![file isfile $file]} { error "$file is no regular file: nothing was written to it" }
	dump_image $file $address $bytes
	return [format "--image 0x%08x=%s" $address $file]
}

# Dumps everything; returns the command that opens it.
proc memtrace_save {path} {
	global memtrace_program
	set words {memtrace check}
	set ring [memtrace_ring]
	foreach heap [memtrace_heaps] {
		lassign $heap control start end
		lappend words [memtrace_save_one $path $start [expr {$end - $start}]] [format "--heap multi_heap@0x%08x" $control]
	}
	if {$ring ne {}} {
		lappend words [memtrace_save_one $path {*}$ring] [format "--ring 0x%08x" [lindex $ring 0]]
	}
	if {[llength $words] == 2} { return "nothing saved, neither heaps nor a ring found: memtrace_status says what is missing" }
	if {$memtrace_program ne ""} { lappend words "--elf $memtrace_program" }
	return "open it with: [join $words]"
}

proc memtrace_dump {path} {
	return [memtrace_while_halted [list memtrace_save $path]]
}

# ---- stopping ----

# Where a heap assertion stops, best first: the recorder's hook, the C library's assert, its abort. "": not known.
proc memtrace_stop_address {where} {
	set names [expr {$where eq "" ? {memtrace_assert_stop __assert_func abort} : $where}]
	foreach name $names {
		if {[memtrace_address $name] ne ""} { return [memtrace_address $name] }
	}
	return [expr {[string is integer -strict $where] ? [expr {$where}] : ""}]
}

proc memtrace_arm {{where ""}} {
	set address [memtrace_stop_address $where]
	if {$address eq ""} { return "where to stop is not known: memtrace_elf APP.elf names it, or memtrace_arm ADDRESS" }
	memtrace_while_halted [list bp $address 2 hw]
	return [format "stops at 0x%08x (hardware breakpoint; `rbp 0x%08x` removes it)" $address $address]
}

if {[info exists MEMTRACE_ELF]} { memtrace_elf $MEMTRACE_ELF }
