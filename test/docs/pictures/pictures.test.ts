import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { folder, printPictures } from './print-pictures.ts';
import { svgOfText } from './svg-of-text.ts';

test('the committed pictures are what the screens show; `node test/docs/pictures/print-pictures.ts` renews them', async (t) => {
  const printed = await printPictures();
  t.deepEqual((await readdir(folder)).toSorted(), [...printed.keys()].toSorted());
  for (const [file, text] of printed) t.is(await readFile(join(folder, file), 'utf8'), text, file);
});

test('every picture is shown on a page, with words for those who cannot see it', async (t) => {
  const page = await readFile(join(folder, '../terminal.md'), 'utf8');
  for (const file of await readdir(folder))
    t.regex(page, new RegExp(`!\\[[^\\]]{20,}\\]\\(pictures/${file}\\)`));
});

test('letters keep their column, their colour and their weight; what is not a letter of XML is written as one', async (t) => {
  const text = '\u001b[1mbold\u001b[22m \u001b[33m<a & b>\u001b[39m\n  \u001b[2mdim\u001b[22m';
  const svg = await svgOfText(text, 'a <title>', { columns: 20, rows: 2 });
  t.regex(svg, /<text x="12" y="25" [^>]*font-weight="bold">bold<\/text>/);
  t.regex(svg, /<text x="54" [^>]*fill="#F0E442">&lt;a &amp; b&gt;<\/text>/);
  t.regex(svg, /<text x="28\.8" y="43" [^>]*opacity="0\.65">dim<\/text>/);
  t.regex(svg, /<title>a &lt;title&gt;<\/title>/);
});

test('nothing in a picture is green', async (t) => {
  for (const text of (await printPictures()).values()) {
    for (const [, color = ''] of text.matchAll(/fill="(#\w+)"/g)) {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) =>
        Number.parseInt(color.slice(at, at + 2), 16),
      );
      t.false(green > 1.3 * red && green > 1.3 * blue, color);
    }
  }
});
