// The other end of copy-server.ts.
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TransientError } from '../../../crds/failures/errors.ts';
import { type CopyName, copyFiles, copyNameText } from '../../../crds/wire/copies.ts';
import { beginCopy, endCopy, type StoredCopy } from '../../checkpoint/copy-folder.ts';
import { manifestName, readManifest } from '../../checkpoint/folder.ts';

/** Where the copies of a pod are asked for. */
export interface CopyAddress {
  readonly host: string;
  readonly port: number;
  readonly podUID: string;
}

/** So long a connection may say nothing. */
const silenceMs = 10_000;

/**
 * Puts a copy of this pod's at another one's. Throws `TransientError` (`E_PEER_LOST`) where that
 * does not answer.
 */
export async function putCopy(
  address: CopyAddress,
  { name, folder }: StoredCopy,
  signal: AbortSignal,
): Promise<void> {
  const { files } = await readManifest(folder);
  for (const file of [...files.map((each) => each.name), manifestName]) {
    const path = join(folder, file);
    const { size } = await stat(path);
    await exchange(address, 'PUT', `${copyNameText(name)}/${file}`, signal, {
      size,
      send: (to) => pipeline(createReadStream(path), to),
    });
  }
}

/** Gets the copy of a rank as one of this pod's own; returns its folder. */
export async function fetchCopy(
  address: CopyAddress,
  name: CopyName,
  into: string,
  signal: AbortSignal,
): Promise<string> {
  const partial = await beginCopy(into, copyFiles.own, copyNameText(name));
  await fetchFiles(address, name, partial, signal);
  return endCopy(partial);
}

/** Gets the files of a copy into a folder that is there. */
export async function fetchFiles(
  address: CopyAddress,
  name: CopyName,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  const get = async (file: string) =>
    exchange(address, 'GET', `${copyNameText(name)}/${file}`, signal, {
      receive: (from) => pipeline(from, createWriteStream(join(into, file))),
    });
  await get(manifestName);
  for (const file of (await readManifest(into)).files) await get(file.name);
}

interface Body {
  readonly size?: number;
  readonly send?: (to: NodeJS.WritableStream) => Promise<void>;
  readonly receive?: (from: IncomingMessage) => Promise<void>;
}

async function exchange(
  { host, port, podUID }: CopyAddress,
  method: 'GET' | 'PUT',
  path: string,
  signal: AbortSignal,
  { size, send, receive }: Body,
): Promise<void> {
  try {
    const headers = size === undefined ? {} : { 'content-length': size };
    const asked = request({
      ...{ host, port, method, path: `/${podUID}/${path}`, headers, signal, timeout: silenceMs },
    });
    asked.on('timeout', () => asked.destroy(new Error('it says nothing')));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve);
      asked.once('error', reject);
    });
    const sent = send === undefined ? void asked.end() : send(asked);
    const [response] = await Promise.all([answered, sent]);
    const { statusCode = 0 } = response;
    if (statusCode >= 300) throw new Error(`it answers ${statusCode}`);
    if (receive === undefined) response.resume();
    else await receive(response);
  } catch (cause) {
    throw notReached(`copy ${path} at ${host}:${port}`, cause);
  }
}

function notReached(what: string, cause: unknown): TransientError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new TransientError({ code: 'E_PEER_LOST', message: `${what}: ${words}`, cause });
}
