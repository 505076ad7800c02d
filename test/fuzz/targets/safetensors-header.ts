import { parseSafetensorsHeader } from '../../../worker/files/safetensors-header.ts';
import type { Target } from '../target.ts';

function file(header: unknown, data: number): Uint8Array {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(data)]);
}

export const target: Target = {
  seeds: [
    file(
      { __metadata__: { format: 'pt' }, a: { dtype: 'F32', shape: [2, 1], data_offsets: [0, 8] } },
      8,
    ),
    file(
      {
        a: { dtype: 'BF16', shape: [], data_offsets: [0, 2] },
        'b"\\': { dtype: 'F4', shape: [2], data_offsets: [2, 3] },
        c: { dtype: 'I64', shape: [0, 7], data_offsets: [3, 3] },
      },
      3,
    ),
    file({}, 0),
  ],
  words: [
    '"__metadata__"',
    '"dtype"',
    '"shape"',
    '"data_offsets"',
    ...['F32', 'BF16', 'F4', 'F6_E2M3', 'BOOL', 'U64'].map((name) => `"${name}"`),
    ...['[]', '{}', '[0,0]', ':{', '},"', 'null', 'true', '\\u0000', '9007199254740991', '1e3'],
  ],
  run: (bytes) => parseSafetensorsHeader(bytes, bytes.length, 'model.safetensors'),
  /** Sets the length to where the last brace is. */
  repair(bytes) {
    const end = bytes.lastIndexOf(0x7d) + 1;
    if (end < 8) return bytes;
    const fixed = Buffer.from(bytes);
    fixed.writeBigUInt64LE(BigInt(end - 8));
    return fixed;
  },
};
