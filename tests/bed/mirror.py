"""The mirror port: a traffic-control program per VLAN that copies each frame to the sensor, padded as on a wire and with its 802.1Q tag.

The tag is pushed by the program, since a small kernel has neither VLAN devices nor a VLAN action. Nine to fifteen instructions, assembled
here, so that no compiler is needed.
"""
import ctypes
import os
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine, -1)
LOAD, PIN = 5, 6
CLASSIFIER = 3
CLONE_REDIRECT, VLAN_PUSH, VLAN_POP, CHANGE_TAIL = 13, 18, 19, 38
libc = ctypes.CDLL(None, use_errno=True)


def op(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, src << 4 | dst, off, imm)


def let(reg, value):
    return op(0xB7, reg, imm=value)


def copy(reg, other):
    return op(0xBF, reg, other)


def call(function, *arguments):
    """r1 is the frame, kept in r6; the arguments go to r2 onwards."""
    return copy(1, 6) + b"".join(let(2 + n, a) for n, a in enumerate(arguments)) + op(0x85, imm=function)


def program(sensor, vlan):
    """`vlan` None: padded and copied, without a tag."""
    pad = call(CHANGE_TAIL, 60, 0)
    push, pop = (call(VLAN_PUSH, 0x0081, vlan), call(VLAN_POP)) if vlan else (b"", b"")  # 0x8100 in network order
    return b"".join([
        copy(6, 1),
        op(0x61, 2, 1),                            # r2 = length of the frame
        op(0x35, 2, off=len(pad) // 8, imm=60),    # long enough: over the padding
        pad,
        push,
        call(CLONE_REDIRECT, sensor, 0),
        pop,
        let(0, -1),                                # and on with the frame as if nothing had been
        op(0x95),
    ])


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = libc.syscall(SYS_BPF, command, buffer, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def pin(path, sensor, vlan):
    """Loads the program for one VLAN (None: no tag) and pins it on a bpf file system, where `tc` finds it."""
    code = program(sensor, vlan)
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 16)
    handle = bpf(LOAD, struct.pack("<IIQQIIQII16sII", CLASSIFIER, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence),
                                   1, len(log), ctypes.addressof(log), 0, 0, b"mirror", 0, 0))
    name = ctypes.create_string_buffer(path.encode())
    bpf(PIN, struct.pack("<QIIII", ctypes.addressof(name), handle, 0, 0, 0))
    os.close(handle)
