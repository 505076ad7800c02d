// Copies over the network, between the pods of one job: a pod puts its own at the next rank's, and
// a new pod gets what is its rank's from whoever has it. A request names the pod that it is for:
// addresses are given to other pods again.
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { copyFiles, parseCopyName } from '../../../crds/wire/copies.ts';
import { beginCopy, endCopy, findCopy } from '../../checkpoint/copy-folder.ts';
import { manifestName } from '../../checkpoint/folder.ts';

interface ServerPlan {
  readonly host: string;
  readonly port: number;
  readonly podUID: string;
  readonly folder: string;
}

interface Asked {
  readonly podUID: string;
  readonly copy: string;
  readonly file: string;
}

export class CopyServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #plan: ServerPlan;
  readonly port: number;
  /** Of the copy that is coming in. */
  #incoming: { readonly copy: string; readonly partial: string } | undefined;

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
    const source = await findCopy(this.#plan.folder, asked.copy);
    if (source === undefined) return void response.writeHead(404).end();
    await pipeline(createReadStream(join(source, asked.file)), response);
  }

  /** The manifest comes last: what is there by then is whole, or its digest will tell. */
  async #take({ copy, file }: Asked, request: IncomingMessage): Promise<void> {
    if (this.#incoming?.copy !== copy) {
      const partial = await beginCopy(this.#plan.folder, copyFiles.kept, copy);
      this.#incoming = { copy, partial };
    }
    const { partial } = this.#incoming;
    await pipeline(request, createWriteStream(join(partial, file)));
    if (file !== manifestName) return;
    await endCopy(partial);
    this.#incoming = undefined;
  }
}

/** `/<pod>/<copy>/<file>`; names that are none of ours are refused. */
function askedIn(url: string): Asked | undefined {
  const [, podUID = '', copy = '', file = '', ...more] = url.split('/');
  const isFile = file === manifestName || /^shard-\d+\.safetensors$/.test(file);
  if (more.length > 0 || !isFile || parseCopyName(copy) === undefined) return undefined;
  return { podUID, copy, file };
}
