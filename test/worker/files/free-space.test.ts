import test from 'ava';
import { TerminalError } from '../../../crds/failures/errors.ts';
import { ensureSpace } from '../../../worker/files/free-space.ts';
import type { SourceFile } from '../../../worker/remote/source-files.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

function fileOf(version: string, bytes: number): SourceFile {
  const nothing = async function* () {};
  return {
    path: version,
    version,
    bytes,
    digest: async () => undefined,
    read: async () => nothing(),
  };
}

test('What cannot fit is refused before the first byte, in gigabytes', async (t) => {
  await using folder = await temporaryFolder();
  const files = [fileOf('a', 1e18), fileOf('b', 1e9)];
  const error = await t.throwsAsync(ensureSpace(files, folder.path), { instanceOf: TerminalError });
  t.is(error.code, 'E_NO_SPACE');
  t.regex(error.message, /^the disk of .* has \d+\.\d\d GB free; 1000000001\.07 GB are needed$/);
});

test('What fits or needs nothing passes', async (t) => {
  await using folder = await temporaryFolder();
  await t.notThrowsAsync(ensureSpace([fileOf('a', 1000), fileOf('a', 1000)], folder.path));
  await t.notThrowsAsync(ensureSpace([], folder.path));
});
