; A guest without a disk: draws on every tick of the BIOS clock (18.2 Hz) and echoes typed keys.
; 320x200 in 256 colours, which QEMU shows as 640x400. Assembled: nasm -f bin busy.asm; the result is in
; boot_sector.py, and a test compares the two.
;
; Each tick paints BURST rectangles at random places, each in one of four ways, so that a VNC server finds work for
; every kind of rectangle: one colour, two colours, a gradient, and noise. Every eighth tick scrolls the lower part.

        bits 16
        org 0x7c00

ticks   equ 0x46c               ; the BIOS counts clock ticks here
ready   equ 0x500               ; free memory: READY tells the outside that drawing has begun
READY   equ 0x5942
last    equ 0x502
seed    equ 0x504
width   equ 0x506
height  equ 0x508
origin  equ 0x50a
colour  equ 0x50c
BURST   equ 3

        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        mov ax, 0x13            ; 320x200, 256 colours
        int 0x10
        mov word [seed], 0x2b5d
        mov word [ready], READY

tick:   hlt                     ; cheap for the host between two ticks
        mov ah, 1               ; a key waiting?
        int 0x16
        jz clock
        xor ah, ah
        int 0x16
        mov bx, 0x0f
        mov ah, 0x0e            ; write it as text
        int 0x10
clock:  mov ax, [ticks]
        cmp ax, [last]
        je tick
        mov [last], ax
        push ax
        mov cx, BURST
again:  push cx
        call paint
        pop cx
        loop again
        pop ax
        test al, 7
        jnz tick
        call scroll
        jmp tick

; ax = next random number
random: mov ax, [seed]
        mov dx, 25173
        mul dx
        add ax, 13849
        mov [seed], ax
        mov al, ah              ; the low bits of such a generator are poor
        ret

; one rectangle of random place, size, colour and kind
paint:  call random
        and ax, 0x3f
        add ax, 8
        mov [width], ax
        call random
        and ax, 0x1f
        add ax, 4
        mov [height], ax
        call random
        and ax, 0x7f            ; row 0 to 127 of 200
        mov dx, 320
        mul dx
        mov di, ax
        call random
        and ax, 0xff            ; column 0 to 255, up to 71 wide
        cmp ax, 248
        jb place
        sub ax, 16
place:  add di, ax
        call random
        mov [colour], ax
        call random
        mov bl, al
        and bl, 3               ; kind
        mov ax, 0xa000
        mov es, ax
        mov dx, [height]
row:    mov cx, [width]
        push di
        mov al, [colour]
        add al, dl              ; a gradient starts differently in each row
        mov bh, al
pixel:  cmp bl, 1
        jb plain
        je stripes
        cmp bl, 2
        je gradient
        push dx
        call random
        pop dx
        jmp put
plain:  mov al, [colour]
        jmp put
stripes:
        mov al, [colour]
        test cl, 4
        jz put
        add al, 97
        jmp put
gradient:
        inc bh
        mov al, bh
put:    stosb
        loop pixel
        pop di
        add di, 320
        dec dx
        jnz row
        ret

; rows 161 to 199 up by one
scroll: push ds
        mov ax, 0xa000
        mov ds, ax
        mov es, ax
        mov si, 161 * 320
        mov di, 160 * 320
        mov cx, 39 * 320 / 2
        rep movsw
        pop ds
        call random             ; and a new lowest row
        mov cx, 320
last_row:
        stosb
        add al, 3
        loop last_row
        ret

        times 510 - ($ - $$) db 0
        dw 0xaa55
