; What a guest's console shows while its kernel starts: numbered lines of text, ten bursts a second or so, that scroll
; by; then a login prompt on a cleared screen. Assembled by benchmarks.record: nasm -f bin boot.asm.

        bits 16
        org 0x7c00

ticks   equ 0x46c               ; the BIOS counts 18.2 a second
LINES   equ 140
CURSOR  equ 8                   ; ticks between two blinks of the prompt

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov ax, 3               ; text, 80x25
        int 0x10
        mov bp, LINES
line:   mov si, opening
        call print
        mov ax, LINES
        sub ax, bp
        call number
        mov si, closing
        call print
        mov bx, bp              ; one of four texts
        and bx, 3
        shl bx, 1
        mov si, [texts + bx]
        call print
        mov ax, bp
        imul ax, 40503
        call number
        mov si, ending
        call print
        test bp, 1              ; two lines, then wait
        jz next
        mov ax, bp
        and ax, 15              ; now and then a driver takes its time
        mov cx, 1
        cmp ax, 7
        jne pause
        mov cx, 6
pause:  call wait_tick
        loop pause
next:   dec bp
        jnz line
        mov ax, 3
        int 0x10
        mov si, prompt
        call print
idle:   mov cx, CURSOR
still:  call wait_tick
        loop still
        mov ax, 0x0e08          ; back over the cursor, draw it or its absence
        xor bx, bx
        int 0x10
        xor byte [shape], '_' ^ ' '
        mov al, [shape]
        mov ah, 0x0e
        int 0x10
        jmp idle

wait_tick:
        mov ax, [ticks]
same:   hlt
        cmp ax, [ticks]
        je same
        ret

print:  lodsb                   ; si: text that ends in 0
        test al, al
        jz done
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp print
done:   ret

number: mov cx, 4               ; ax as four hexadecimal digits
digit:  rol ax, 4
        push ax
        and al, 15
        cmp al, 10
        jb low
        add al, 'a' - '0' - 10
low:    add al, '0'
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        pop ax
        loop digit
        ret

texts:  dw first, second, third, fourth
first:  db "pci 0000:00: [8086:1237] type 00 class 0x", 0
second: db "ACPI: IRQ 9 used by override, SCI ", 0
third:  db "systemd[1]: Started unit number ", 0
fourth: db "clocksource: tsc: mask: 0xffffffff max_cycles: 0x", 0
opening: db "[    0.", 0
closing: db "] ", 0
ending: db 13, 10, 0
prompt: db "Debian GNU/Linux guest tty1", 13, 10, 10, "guest login: _", 0
shape:  db '_'

        times 510 - ($ - $$) db 0
        dw 0xaa55
