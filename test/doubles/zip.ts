// Writes small zip archives for tests: the local headers, the central directory and its end.
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipMember {
  readonly name: string;
  readonly text: string;
  readonly mode?: number;
}

export function zipOf(members: readonly ZipMember[]): Buffer {
  let offset = 0;
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  for (const { name, text, mode = 0o644 } of members) {
    const raw = Buffer.from(text);
    const packed = deflateRawSync(raw);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(raw), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(raw.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((0o100000 | mode) * 0x10000, 6);
    tail.writeUInt32LE(offset, 10);
    const header = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name)]);
    const version = Buffer.from([20, 3]);
    central.push(Buffer.from('PK\u0001\u0002'), version, common, tail, Buffer.from(name));
    local.push(header, packed);
    offset += header.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
