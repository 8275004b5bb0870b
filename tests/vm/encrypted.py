# Sticks that are encrypted, that only say so, and that are in part; the word of each is 'secret'.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import subprocess

import usb

# Of its on-disk format, in bytes: a header with its JSON; in it the number that a newer one has
# higher, and the checksum.
LUKS2_HEADER, LUKS2_NUMBER, LUKS2_CHECKSUM = 16384, 16, 448


def luks(path, version='luks2'):
    usb.blank(path, 32)
    subprocess.run(['cryptsetup', 'luksFormat', '-q', '--type', version, '--pbkdf', 'pbkdf2',
                    '--pbkdf-force-iterations', '1000', path], input=b'secret\n', check=True,
                   capture_output=True)


def null_cipher(path):
    """As cryptsetup writes it where the kernel has that cipher."""
    luks(path, 'luks1')
    with open(path, 'r+b') as file:
        file.seek(8)
        file.write(b'cipher_null'.ljust(32, b'\0') + b'ecb'.ljust(32, b'\0'))


def forged(path):
    """Its first header promises encryption; its second, newer, which cryptsetup takes, none."""
    luks(path)
    with open(path, 'r+b') as file:
        file.seek(LUKS2_HEADER)
        second = bytearray(file.read(LUKS2_HEADER)).replace(b'aes-xts-plain64', b'cipher_null-ecb')
        second[LUKS2_NUMBER + 7] += 1
        second[LUKS2_CHECKSUM:LUKS2_CHECKSUM + 64] = bytes(64)
        digest = hashlib.sha256(second).digest()
        second[LUKS2_CHECKSUM:LUKS2_CHECKSUM + len(digest)] = digest
        file.seek(LUKS2_HEADER)
        file.write(second)


def parts(path):
    """Two partitions: one encrypted, one plain."""
    luks(path.with_suffix('.luks'))
    usb.fat(path.with_suffix('.fat'))
    usb.blank(path, 64)
    entries = b''
    with open(path, 'r+b') as file:
        for start, source in ((2048, '.luks'), (67584, '.fat')):
            data = path.with_suffix(source).read_bytes()
            entries += bytes(4) + b'\x83' + bytes(3) + start.to_bytes(4, 'little') \
                + (len(data) // 512).to_bytes(4, 'little')
            file.seek(start * 512)
            file.write(data)
        file.seek(446)
        file.write(entries.ljust(64, b'\0') + b'\x55\xaa')   # a table as DOS had it
