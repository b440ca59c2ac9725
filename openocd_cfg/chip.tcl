# SPDX-License-Identifier: Apache-2.0
#
# What the files of the chips have in common. memtrace_chip takes the first of the vendor's board files that this OpenOCD
# has, or the one that MEMTRACE_BOARD names, and prepares it for looking at a heap:
#
#   attached, not reset   Espressif's OpenOCD resets a chip to switch its memory protection off when flash support is on;
#                         ESP_FLASH_SIZE 0 turns that off (set it yourself to have flash breakpoints of software).
#   image offset          MEMTRACE_APP_OFFSET, where the app lies in flash, is told before GDB connects: GDB asks for the
#                         memory map only once.
#   units                 how many breakpoints and watchpoints the chip has stands in one line, for GDB's
#                         `set remote hardware-...-limit`; without it GDB tries, and the failure comes at `continue`.

source [file join [file dirname [info script]] memtrace.tcl]

# "" if there is none; the empty error at the end empties what `find` left, which OpenOCD would print when it ends.
proc memtrace_first_found {files} {
	foreach file $files {
		if {![catch {find $file} found]} { return $found }
	}
	catch {error "" {}}
	return ""
}

proc memtrace_say_missing {chip files} {
	echo "memtrace: this OpenOCD ([lindex [version] 3]) has no file for $chip (looked for: [join $files {, }]):\
		use Espressif's openocd-esp32, or name a board file with -c 'set MEMTRACE_BOARD FILE'"
}

# The app's place in flash, after init: the target must be there, and GDB must not.
proc memtrace_tell_offset {offset} {
	if {[info commands esp] eq ""} {
		echo "memtrace: this OpenOCD knows no `esp appimage_offset`, only Espressif's does: MEMTRACE_APP_OFFSET is not used"
		return
	}
	init
	esp appimage_offset $offset
}

# breakpoints and watchpoints are units of the hardware; shared: both come out of one pool. The result is whether there is
# a board file: a caller without one ends by `shutdown error`, which prints no stack only outside of procedures.
proc memtrace_chip {chip breakpoints watchpoints shared boards} {
	global ESP_FLASH_SIZE MEMTRACE_BOARD MEMTRACE_APP_OFFSET
	if {![info exists ESP_FLASH_SIZE]} { set ESP_FLASH_SIZE 0 }
	if {[info exists MEMTRACE_BOARD]} { set boards [list $MEMTRACE_BOARD] }
	set board [memtrace_first_found $boards]
	if {$board eq ""} {
		memtrace_say_missing $chip $boards
		return 0
	}
	uplevel #0 [list source $board]
	echo "memtrace: $chip by [file tail $board]; hardware breakpoints $breakpoints, watchpoints $watchpoints[expr {$shared ? { (shared)} : {}}]"
	if {[info exists MEMTRACE_APP_OFFSET]} { memtrace_tell_offset $MEMTRACE_APP_OFFSET }
	return 1
}
