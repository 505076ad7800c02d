/**
 * Five sentences of a novel, read by a person (LibriVox; 25 seconds, 71 words), from the Debian
 * package that ships them for tests of another program (2 MB, once).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import { debianData } from './debian-package.ts';

const shipped = {
  name: 'pocketsphinx-testdata',
  version: '0.8+5prealpha+1-15',
  sha256: 'eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0',
  bytes: 1_822_580,
  step: 'librivox',
  inside: 'usr/share/pocketsphinx/test/data/librivox',
};

/** Paths of WAV files, with what is said in them. */
export async function libriVox(
  setup: Setup,
): Promise<readonly { readonly audio: string; readonly text: string }[]> {
  const folder = await debianData(setup, shipped);
  const lines = (await readFile(join(folder, 'transcription'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const [, text, name] = /^<s>(.*)<\/s>\s*\((.*)\)$/.exec(line) ?? [];
    if (text === undefined || name === undefined) throw new Error(`${line} is no transcription`);
    return { audio: join(folder, `${name}.wav`), text: text.trim() };
  });
}
