// What a hub does with writes: repositories and branches are made, large files go to a storage of
// its own under their SHA-256, whole or in parts, and a commit takes small ones with it. It refuses
// what the real one refuses: tokens that may only read, bytes of another digest, commits that name
// what was never uploaded or that were made for an older state. The protocol was read in
// @huggingface/hub 2.17 and huggingface_hub 2.4.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { receive } from './http-server.ts';
import {
  commitTo,
  type HubBlob,
  largeEnding,
  type Repository,
  refuse,
  sendJson,
  signature,
  toBlob,
} from './hub-repository.ts';
import type { HubServer } from './hub-server.ts';

interface Batch {
  readonly objects: readonly { readonly oid: string; readonly size: number }[];
}

interface CommitLine {
  readonly key: 'header' | 'file' | 'lfsFile' | 'deletedFile';
  readonly value: Readonly<Record<string, string>>;
}

export class HubWrites {
  /** Files at least this large go up in parts of this size. */
  partBytes = Number.POSITIVE_INFINITY;
  /** First lines of the commits that were made, in order. */
  readonly titles: string[] = [];
  readonly visibilities = new Map<string, string>();
  readonly #hub: HubServer;
  /** Large files by SHA-256, before and after a commit names them. */
  readonly #stored = new Map<string, Buffer>();
  readonly #parts = new Map<string, Map<number, Buffer>>();

  constructor(hub: HubServer) {
    this.#hub = hub;
  }

  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#hub.faults.forWrite(path);
    const body = await receive(request, fault);
    if (body === undefined) return;
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    if (!this.#hub.tokens.has(token)) return refuse(response, 'Unauthorized');
    if (path === '/api/repos/create') return this.#create(body, token, response);
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(branch|preupload|commit)\/([^/]+)$/.exec(path);
    const lfs = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    const name = api?.[1] ?? lfs?.[1] ?? '';
    const repository = this.#hub.find('model', name);
    const refusal = this.#hub.refusal(repository, token);
    if (refusal || repository === undefined) return refuse(response, refusal ?? 'RepoNotFound');
    if (!this.#mayWrite(token, name)) return refuse(response, 'NotYours');
    if (lfs) return this.#batch(JSON.parse(body.toString()), response);
    const revision = decodeURIComponent(api?.[3] ?? '');
    if (api?.[2] === 'branch') return this.#branch(repository, revision, response);
    if (!repository.refs.has(revision)) return refuse(response, 'RevisionNotFound');
    if (api?.[2] === 'preupload') return this.#preupload(JSON.parse(body.toString()), response);
    const refused = this.#commit(repository, revision, body.toString());
    if (refused !== undefined) return refuse(response, refused);
    if (fault?.type === 'LoseAnswer') return void response.destroy();
    const commitOid = repository.refs.get(revision);
    sendJson(response, { success: true, commitOid, commitUrl: `${name}/commit/${commitOid}` });
  }

  /**
   * PUT of a large file or a part of one, POST of the list of its parts. Signed addresses: no token
   * comes here.
   */
  async store(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#hub.faults.forWrite(path);
    const body = await receive(request, fault);
    if (body === undefined) return;
    const [, oid = '', part] = path.split('/');
    const query = new URL(request.url ?? '', this.#hub.storage).searchParams;
    if (request.headers.authorization !== undefined) return refuse(response, 'Invalid');
    if (query.get('signature') !== signature({ sha256: oid })) return refuse(response, 'NotYours');
    if (request.method === 'POST') return this.#join(oid, JSON.parse(body.toString()), response);
    if (request.headers['content-length'] === undefined) return refuse(response, 'LengthRequired');
    if (part === undefined) {
      if (sha256(body) !== oid) return refuse(response, 'OtherBytes');
      this.#stored.set(oid, body);
    } else {
      const parts = this.#parts.get(oid) ?? new Map<number, Buffer>();
      this.#parts.set(oid, parts.set(Number(part), body));
    }
    if (fault?.type === 'LoseAnswer') return void response.destroy();
    response.writeHead(200, { etag: `"${sha256(body)}"` }).end();
  }

  #mayWrite(token: string, name: string): boolean {
    return this.#hub.writers.get(token)?.includes(name.split('/')[0] ?? '') === true;
  }

  #create(body: Buffer, token: string, response: ServerResponse): void {
    const { name, organization, visibility } = JSON.parse(body.toString());
    const full = `${organization}/${name}`;
    if (!this.#mayWrite(token, full)) {
      refuse(response, 'NotYours');
      return;
    }
    if (this.#hub.find('model', full)) {
      refuse(response, 'Exists');
      return;
    }
    const files = { '.gitattributes': '*.safetensors filter=lfs diff=lfs merge=lfs -text\n' };
    const access = visibility === 'private' ? 'private' : 'public';
    this.#hub.add({ name: full, files, access, granted: [token] });
    this.visibilities.set(full, visibility);
    sendJson(response, { url: `${this.#hub.endpoint}/${full}`, id: full });
  }

  #branch({ refs }: Repository, branch: string, response: ServerResponse): void {
    if (refs.has(branch)) {
      refuse(response, 'BranchExists');
      return;
    }
    refs.set(branch, refs.get('main') ?? '');
    sendJson(response, {});
  }

  #preupload(
    { files }: { readonly files: readonly { readonly path: string }[] },
    response: ServerResponse,
  ): void {
    sendJson(response, {
      files: files.map(({ path }) => ({
        path,
        uploadMode: largeEnding.test(path) ? 'lfs' : 'regular',
        shouldIgnore: false,
      })),
    });
  }

  #batch({ objects }: Batch, response: ServerResponse): void {
    const inParts = objects.some(({ size }) => size >= this.partBytes);
    sendJson(response, {
      transfer: inParts ? 'multipart' : 'basic',
      objects: objects.map(({ oid, size }) => {
        if (this.#stored.has(oid)) return { oid, size };
        const signed = `?signature=${signature({ sha256: oid })}`;
        const href = `${this.#hub.storage}/${oid}`;
        if (size < this.partBytes)
          return { oid, size, actions: { upload: { href: href + signed } } };
        const header: Record<string, string> = { chunk_size: String(this.partBytes) };
        for (let part = 1; (part - 1) * this.partBytes < size; part += 1) {
          header[String(part).padStart(5, '0')] = `${href}/${part}${signed}`;
        }
        return { oid, size, actions: { upload: { href: href + signed, header } } };
      }),
    });
  }

  #join(
    oid: string,
    list: { readonly parts: readonly { readonly partNumber: number; readonly etag: string }[] },
    response: ServerResponse,
  ): void {
    const parts = list.parts.map(({ partNumber, etag }) => {
      const part = this.#parts.get(oid)?.get(partNumber);
      return part !== undefined && etag === `"${sha256(part)}"` ? part : Buffer.alloc(0);
    });
    const whole = Buffer.concat(parts);
    if (sha256(whole) !== oid) {
      refuse(response, 'OtherBytes');
      return;
    }
    this.#stored.set(oid, whole);
    sendJson(response, {});
  }

  #commit(repository: Repository, branch: string, body: string) {
    const lines = body.split('\n').map((line) => JSON.parse(line) as CommitLine);
    const header = lines.find(({ key }) => key === 'header')?.value;
    if (!header?.['summary']) return 'Invalid';
    const head = repository.refs.get(branch) ?? '';
    if (header['parentCommit'] !== undefined && header['parentCommit'] !== head) return 'Moved';
    const blobs = new Map<string, HubBlob>(repository.commits.get(head));
    for (const { key, value } of lines) {
      const { path = '', content = '', oid = '' } = value;
      if (key === 'deletedFile') blobs.delete(path);
      if (key === 'file') blobs.set(path, toBlob(path, Buffer.from(content, 'base64')));
      if (key !== 'lfsFile') continue;
      const stored = this.#stored.get(oid);
      if (stored === undefined || Number(value['size']) !== stored.length) return 'NotUploaded';
      blobs.set(path, toBlob(path, stored));
    }
    commitTo(repository, [branch], blobs);
    this.titles.push(header['summary']);
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
