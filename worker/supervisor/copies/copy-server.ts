// Copies over the network, between the pods of one job: a pod puts its own at the next pod, and a
// new pod gets what is its ranks' from whoever has it. A request names the pod that it is for:
// addresses are given to other pods again.
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type CopyName,
  copyFiles,
  copyNameText,
  parseCopyName,
} from '../../../crds/wire/copies.ts';
import { beginCopy, endCopy, findCopy } from '../../checkpoint/copy-folder.ts';
import { manifestName } from '../../checkpoint/folder.ts';

interface ServerPlan {
  readonly host: string;
  readonly port: number;
  readonly podUID: string;
  /** Of each trainer of this pod. */
  readonly folders: readonly string[];
}

interface Asked {
  readonly podUID: string;
  readonly name: CopyName;
  readonly file: string;
}

export class CopyServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #plan: ServerPlan;
  readonly port: number;
  /** The copy that is coming in, by the folder that it comes into. */
  readonly #incoming = new Map<string, { readonly copy: string; readonly partial: string }>();

  static async listen(plan: ServerPlan): Promise<CopyServer> {
    const server = createServer();
    server.listen(plan.port, plan.host);
    await once(server, 'listening');
    return new CopyServer(server, plan);
  }

  private constructor(server: Server, plan: ServerPlan) {
    this.#server = server;
    this.#plan = plan;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end(String(error));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = askedIn(request.url ?? '');
    if (asked === undefined) return void response.writeHead(400).end();
    if (asked.podUID !== this.#plan.podUID) return void response.writeHead(421).end();
    if (request.method === 'PUT') {
      await this.#take(asked, request);
      response.writeHead(204).end();
      return;
    }
    const source = await findCopy(this.#plan.folders, copyNameText(asked.name));
    if (source === undefined) return void response.writeHead(404).end();
    await pipeline(createReadStream(join(source, asked.file)), response);
  }

  /** The manifest comes last: what is there by then is whole, or its digest will tell. */
  async #take({ name, file }: Asked, request: IncomingMessage): Promise<void> {
    const { folders } = this.#plan;
    // Pods have equally many ranks, which follow each other: each folder gets those of one place.
    const folder = folders[name.rank % folders.length] ?? '';
    const copy = copyNameText(name);
    const known = this.#incoming.get(folder);
    const partial =
      known?.copy === copy ? known.partial : await beginCopy(folder, copyFiles.kept, copy);
    this.#incoming.set(folder, { copy, partial });
    await pipeline(request, createWriteStream(join(partial, file)));
    if (file !== manifestName) return;
    await endCopy(partial);
    this.#incoming.delete(folder);
  }
}

/** `/<pod>/<copy>/<file>`; names that are none of ours are refused. */
function askedIn(url: string): Asked | undefined {
  const [, podUID = '', copy = '', file = '', ...more] = url.split('/');
  const isFile = file === manifestName || /^shard-\d+\.safetensors$/.test(file);
  const name = parseCopyName(copy);
  return more.length > 0 || !isFile || name === undefined ? undefined : { podUID, name, file };
}
