// The event files of TensorBoard: TFRecord framing around protobuf messages `tensorflow.Event`.
// Only five messages with nine fields are written, so they are encoded by hand; field numbers are
// those of event.proto, summary.proto and tensor.proto.

/** The content of one record. */
export type BoardEvent = { readonly time: number; readonly step: number } & (
  | {
      readonly type: 'scalars';
      readonly values: readonly (readonly [tag: string, value: number])[];
    }
  | { readonly type: 'text'; readonly tag: string; readonly text: string }
  /** Discards earlier records of this step and later ones. */
  | { readonly type: 'restart' }
);

/** The first record of a file. Readers honour restarts from version 2 on. */
export function fileHeader(time: number): Uint8Array {
  return record(message(double(1, time), bytes(3, utf8('brain.Event:2'))));
}

export function eventRecord(event: BoardEvent): Uint8Array {
  return record(message(double(1, event.time), varint(2, event.step), contentOf(event)));
}

const sessionStart = 1;
const stringType = 7;

function contentOf(event: BoardEvent): Uint8Array {
  switch (event.type) {
    case 'restart':
      return bytes(7, varint(1, sessionStart));
    case 'scalars':
      return bytes(
        5,
        message(
          ...event.values.map(([tag, value]) =>
            bytes(1, message(bytes(1, utf8(tag)), float(2, value))),
          ),
        ),
      );
    case 'text': {
      const shape = bytes(2, bytes(2, varint(1, 1)));
      const tensor = message(varint(1, stringType), shape, bytes(8, utf8(event.text)));
      const metadata = bytes(1, bytes(1, utf8('text')));
      const value = message(bytes(1, utf8(event.tag)), bytes(9, metadata), bytes(8, tensor));
      return bytes(5, bytes(1, value));
    }
    default:
      return event satisfies never;
  }
}

/** Length, its checksum, the data, its checksum; little endian. */
function record(data: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(data.length + 16);
  framed.writeBigUInt64LE(BigInt(data.length));
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(data, 12);
  framed.writeUInt32LE(maskedCrc32c(data), data.length + 12);
  return framed;
}

const castagnoli = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? castagnoli : 0);
  return rest;
});

/** The masked checksum of TFRecord: rotated and shifted, so that data may contain checksums. */
export function maskedCrc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

function bytes(field: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([key(field, wire.bytes), base128(data.length), data]);
}

function varint(field: number, value: number): Uint8Array {
  return Buffer.concat([key(field, wire.varint), base128(value)]);
}

function double(field: number, value: number): Uint8Array {
  const data = Buffer.alloc(8);
  data.writeDoubleLE(value);
  return Buffer.concat([key(field, wire.fixed64), data]);
}

function float(field: number, value: number): Uint8Array {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([key(field, wire.fixed32), data]);
}

function key(field: number, type: number): Uint8Array {
  return base128((field << 3) | type);
}

/** For steps and lengths: nonnegative integers. */
function base128(value: number): Uint8Array {
  const groups: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) + 128);
  groups.push(rest);
  return Uint8Array.from(groups);
}

function utf8(text: string): Uint8Array {
  return Buffer.from(text);
}
