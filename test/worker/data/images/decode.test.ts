import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { decodeImage } from '../../../../worker/data/images/decode.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';
import { pngChunk, pngOf } from '../../../builders/png.ts';

interface Golden {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly samples: string;
}

// Its first line is the command that made it.
const { jpeg } = JSON.parse(
  readFileSync(new URL('../../../golden/pictures.json', import.meta.url), 'utf8'),
) as { readonly jpeg: Readonly<Record<string, Golden>> };
const goldens = Object.entries(jpeg);
const fileOf = ({ file }: Golden) => new Uint8Array(Buffer.from(file, 'base64'));

for (const [name, golden] of goldens) {
  test(`JPEG, ${name}: the samples are those of Pillow`, (t) => {
    const { width, height, channels, pixels } = decodeImage(fileOf(golden));
    t.deepEqual(
      { width, height, channels, samples: Buffer.from(pixels).toString('base64') },
      {
        ...{ width: golden.width, height: golden.height, channels: golden.channels },
        samples: golden.samples,
      },
    );
  });
}

const kinds = fc.constantFrom<readonly [type: number, depth: number, samples: number]>(
  ...([1, 2, 4, 8] as const).map((depth) => [0, depth, 1] as const),
  ...([8, 16] as const).flatMap((depth) => [
    [2, depth, 3] as const,
    [4, depth, 2] as const,
    [6, depth, 4] as const,
  ]),
);

test('PNG of any size, depth, filters and interlacing comes back with 8 bits and without alpha', (t) => {
  const sides = fc.integer({ min: 1, max: 19 });
  const seed = fc.integer({ min: 1, max: 1e6 });
  const shape = fc.tuple(kinds, sides, sides, fc.boolean(), seed);
  fc.assert(
    fc.property(shape, ([[colourType, depth, samples], width, height, isInterlaced, start]) => {
      const values = Array.from(
        { length: width * height * samples },
        (_, i) => ((i + start) * 40_503 + i * i) % 2 ** depth,
      );
      const filterOf = (row: number) => (row + start) % 5;
      const file = pngOf({
        ...{ width, height, depth, colourType, samples: values, isInterlaced, filterOf },
      });
      const image = decodeImage(file);
      const channels = samples < 3 ? 1 : 3;
      const to8 = (value: number) =>
        depth === 16 ? value >> 8 : Math.round((value * 255) / (2 ** depth - 1));
      const expected = values.filter((_, i) => i % samples < channels).map(to8);
      t.deepEqual([image.width, image.height, image.channels], [width, height, channels]);
      t.deepEqual([...image.pixels], expected);
    }),
    { numRuns: 200 },
  );
});

const tiny = { width: 2, height: 1, depth: 8, colourType: 3, palette: [1, 2, 3, 4, 5, 6] };

test('A palette becomes its colours', (t) => {
  const { channels, pixels } = decodeImage(pngOf({ ...tiny, samples: [1, 0] }));
  t.is(channels, 3);
  t.deepEqual([...pixels], [4, 5, 6, 1, 2, 3]);
});

test('A picture is turned upright as its EXIF field says', (t) => {
  // The orientation of a telephone held upright: row 0 of the file is the right side.
  const exif = Buffer.from('4d4d002a00000008000101120003000000010006000000000000', 'hex');
  const more = [pngChunk('eXIf', exif)];
  const image = decodeImage(pngOf({ ...tiny, colourType: 0, samples: [9, 8], more }));
  t.deepEqual([image.width, image.height, ...image.pixels], [1, 2, 9, 8]);
});

test('A part of a picture is never taken for all of it', (t) => {
  const files = [
    ...goldens.map(([, golden]) => fileOf(golden)),
    new Uint8Array(pngOf({ ...tiny, samples: [1, 0] })),
  ];
  for (const file of files) {
    for (let length = 0; length < file.length - 1; length += 1) {
      t.throws(() => decodeImage(file.subarray(0, length)), { instanceOf: UnusableRecord });
    }
  }
});

function refusal(file: Uint8Array, limits?: Parameters<typeof decodeImage>[1]): string {
  try {
    decodeImage(file, limits);
  } catch (error) {
    if (error instanceof UnusableRecord) return error.message;
    throw error;
  }
  return 'is read';
}

const grey = { width: 3, height: 2, depth: 8, colourType: 0, samples: [1, 2, 3, 4, 5, 6] };

test('What is not read is refused in one sentence, before memory is taken for it', (t) => {
  const small = { bytes: 1000, pixels: 5 };
  const huge = Buffer.from(pngOf(grey));
  huge.writeUInt32BE(0x7fffffff, 16);
  // The checksum of the header is checked first.
  const header = pngChunk('IHDR', huge.subarray(16, 29));
  const bomb = Buffer.concat([huge.subarray(0, 8), header, huge.subarray(33)]);
  const first = goldens[0]?.[1];
  const cmyk = first === undefined ? new Uint8Array() : fileOf(first);
  const frame = cmyk.findIndex((byte, at) => byte === 0xff && cmyk[at + 1] === 0xc0);
  const with4 = Uint8Array.from(cmyk);
  with4[frame + 9] = 4;
  with4[frame + 3] = 20;
  const arithmetic = Uint8Array.from(cmyk);
  arithmetic[frame + 1] = 0xc9;
  t.deepEqual(
    [
      refusal(pngOf(grey), small),
      refusal(pngOf(grey), { bytes: 9, pixels: 100 }),
      refusal(bomb),
      refusal(pngOf({ ...grey, depth: 16 })),
      refusal(Buffer.from('GIF89a')),
      refusal(with4),
      refusal(arithmetic),
    ],
    [
      'is a PNG of 3 x 2 pixels; at most 5 pixels are read · make it smaller',
      `has ${pngOf(grey).length} bytes; pictures of at most 9 are read · make it smaller`,
      'is a PNG of 2147483647 x 2 pixels; at most 67108864 pixels are read · make it smaller',
      'is a PNG of 16 bit grey; grey of 1 to 8 bits is read · convert it to 8 bits',
      'is neither PNG nor JPEG by its first bytes; only these are read · convert it to PNG',
      'is a JPEG of 4 components; 1 (grey) and 3 (colour) are read · save it as RGB',
      'is a JPEG of the coding SOF9; baseline and progressive Huffman coding are read · save it as PNG',
    ],
  );
});

test('Damage is named', (t) => {
  const damaged = (problem: string) =>
    `is a damaged PNG: it ${problem}; pictures are read whole · replace it`;
  const flipped = Buffer.from(pngOf(grey));
  flipped[45] = (flipped[45] ?? 0) ^ 1;
  t.deepEqual(
    [
      refusal(flipped),
      refusal(pngOf({ ...tiny, samples: [1, 2] })),
      refusal(pngOf({ ...grey, filterOf: () => 7 })),
      refusal(pngOf({ ...grey, depth: 3 })),
    ],
    [
      damaged('has a chunk "IDAT" with another checksum than stated'),
      damaged('has a pixel of colour 2 in a palette of 2'),
      damaged('has the unknown filter 7'),
      damaged('states colour type 0 with 3 bits'),
    ],
  );
});

test('A PNG cannot unpack to more than its header states', (t) => {
  // 200 rows for a picture of 2: the packed data is as long as it likes.
  const long = pngOf({ ...grey, width: 1000, height: 200, samples: Array(200_000).fill(7) });
  const short = Buffer.from(long);
  short.writeUInt32BE(2, 20);
  const header = pngChunk('IHDR', short.subarray(16, 29));
  const file = Buffer.concat([long.subarray(0, 8), header, long.subarray(33)]);
  t.regex(refusal(file), /cannot be unpacked/);
});
