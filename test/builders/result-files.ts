// Files of a result, made from their contents.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ResultFile, resultFile } from '../../worker/publish/result-files.ts';

export async function filesIn(
  folder: string,
  contents: Readonly<Record<string, string | Buffer>>,
): Promise<readonly ResultFile[]> {
  const files: ResultFile[] = [];
  for (const [path, content] of Object.entries(contents)) {
    const absolute = join(folder, path.replaceAll('/', '-'));
    await writeFile(absolute, content);
    files.push(await resultFile(path, absolute, new AbortController().signal));
  }
  return files;
}
