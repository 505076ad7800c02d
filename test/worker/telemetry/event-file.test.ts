import test from 'ava';
import { eventRecord, fileHeader, maskedCrc32c } from '../../../worker/telemetry/event-file.ts';

test('the checksum is CRC-32C, rotated and shifted as TFRecord asks', (t) => {
  // RFC 3720, B.4: 32 bytes of zeros have the CRC-32C 0x8a9136aa; unmasked here.
  const unmask = (masked: number) => {
    const shifted = (masked - 0xa282ead8) >>> 0;
    return ((shifted >>> 17) | (shifted << 15)) >>> 0;
  };
  t.is(unmask(maskedCrc32c(new Uint8Array(32))), 0x8a9136aa);
  t.is(unmask(maskedCrc32c(new Uint8Array(32).fill(0xff))), 0x62a8ab43);
  t.is(unmask(maskedCrc32c(Buffer.from('123456789'))), 0xe3069283);
});

test('a record is its length, the checksum of that, the message, and the checksum of that', (t) => {
  const record = Buffer.from(fileHeader(1.5));
  const length = Number(record.readBigUInt64LE());
  t.is(record.length, length + 16);
  t.is(record.readUInt32LE(8), maskedCrc32c(record.subarray(0, 8)));
  t.is(record.readUInt32LE(length + 12), maskedCrc32c(record.subarray(12, length + 12)));
  // wall_time = 1 as a double, file_version = 3 as a string.
  t.is(
    record.subarray(12, length + 12).toString('hex'),
    `09${'000000000000f83f'}1a0d${Buffer.from('brain.Event:2').toString('hex')}`,
  );
});

test('steps and lengths above 127 take more than one byte', (t) => {
  const body = (step: number) =>
    Buffer.from(eventRecord({ type: 'restart', time: 0, step }))
      .subarray(21, -4)
      .toString('hex');
  t.is(body(0), '10003a020801');
  t.is(body(127), '107f3a020801');
  t.is(body(128), '1080013a020801');
  t.is(body(1_000_000), '10c0843d3a020801');
  // More than 32 bits, where shifts would no longer do.
  t.is(body(2 ** 40), '108080808080203a020801');
});
