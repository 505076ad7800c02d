// Messages of a run of this machine, from its file: all of them, the last ones, or all of them
// followed by new ones. An incomplete line is waited for; an unreadable one is skipped.
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import { type Telemetry, telemetry } from '../../crds/wire/telemetry.ts';

/** Far more than a plan and a few steps take. */
const tailBytes = 64 * 1024;
const chunkBytes = 256 * 1024;
/** A file watcher would be faster, but does not work on some network disks. */
const pollMs = 200;

/** The newest messages, oldest first. Enough for the state of a run. */
export async function lastMessages(folder: string): Promise<readonly Telemetry[]> {
  const file = await openIn(folder);
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - tailBytes);
    const buffer = Buffer.alloc(size - from);
    await file.read(buffer, 0, buffer.length, from);
    const lines = buffer.toString('utf8').split('\n');
    // The first line is incomplete where the file is longer than the tail.
    return lines.slice(from === 0 ? 0 : 1).flatMap(messageOf);
  } finally {
    await file.close();
  }
}

/** All messages so far; with `isOver`, also new ones, until it returns true and the file ends. */
export async function* runMessages(
  folder: string,
  isOver: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly Telemetry[]> {
  let at = 0;
  for (;;) {
    const over = isOver();
    const file = await openIn(folder);
    try {
      for (;;) {
        if (signal.aborted) return;
        const chunk = file === undefined ? '' : await readFrom(file, at);
        if (chunk === '') break;
        at += Buffer.byteLength(chunk);
        yield chunk.split('\n').flatMap(messageOf);
      }
    } finally {
      await file?.close();
    }
    if (over) return;
    yield [];
    await wait(pollMs, undefined, { signal }).catch(() => undefined); // aborted: checked above
  }
}

/** Whole lines, of any length. */
async function readFrom(file: FileHandle, at: number, size = chunkBytes): Promise<string> {
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await file.read(buffer, 0, size, at);
  const newline = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
  if (newline >= 0) return buffer.toString('utf8', 0, newline + 1);
  return bytesRead === size ? readFrom(file, at, 2 * size) : '';
}

async function openIn(folder: string): Promise<FileHandle | undefined> {
  return open(join(folder, runFiles.telemetry)).catch(() => undefined); // no message yet
}

function messageOf(line: string): readonly Telemetry[] {
  if (line === '') return [];
  try {
    const parsed = telemetry.safeParse(parseJson(line, jsonLimits.line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return []; // truncated by a kill
  }
}
