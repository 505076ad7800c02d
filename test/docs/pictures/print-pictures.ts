// Writes docs/pictures/*.svg: `node test/docs/pictures/print-pictures.ts`. A test compares the
// files with what this prints.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import '../../../cli/dev/tsx-hook.ts';
import { svgOfText } from './svg-of-text.ts';

export const folder = join(import.meta.dirname, '../../../docs/pictures');

/** Files by name. */
export async function printPictures(): Promise<ReadonlyMap<string, string>> {
  // Both are read when the libraries are loaded, so they are loaded here.
  process.env['FORCE_COLOR'] = '1';
  process.env['TZ'] = 'UTC';
  const { pictures } = await import('./screens.tsx');
  const columns = 100;
  const files = new Map<string, string>();
  for (const { file, title, rows, text } of pictures()) {
    files.set(`${file}.svg`, await svgOfText(text, title, { columns, rows }));
  }
  return files;
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of await printPictures()) writeFileSync(join(folder, file), text);
}
