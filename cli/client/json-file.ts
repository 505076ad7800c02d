import { readFile, stat } from 'node:fs/promises';
import { type JsonLimit, parseJson, RefusedBytes, requireLength } from '../../crds/text/json.ts';

/** Parses a JSON file; throws where it is missing, over the limit, or invalid. */
export async function readJsonFile(path: string, limit: JsonLimit): Promise<unknown> {
  const stats = await stat(path);
  if (!stats.isFile()) throw new RefusedBytes('is not a regular file');
  requireLength(stats.size, limit.bytes);
  return parseJson(await readFile(path), limit);
}
