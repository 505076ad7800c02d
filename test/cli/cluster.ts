// The command line before a small API server: what it prints, what it asks for, with what code it
// ends.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../cli/program.ts';
import { aWrittenJob } from '../builders/job.ts';
import { KubeServer } from '../doubles/kube/server.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';

const collection = 'apis/anneal.dev/v1alpha1/finetunejobs';

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function aCluster() {
  // Commands of several tests run at once; in a shell there is one.
  process.setMaxListeners(0);
  const server = await KubeServer.start();
  const folder = await temporaryFolder();
  const kubeconfig = join(folder.path, 'config');
  const config = {
    'current-context': 'prod',
    contexts: [{ name: 'prod', context: { cluster: 'c', user: 'u', namespace: 'team-a' } }],
    clusters: [{ name: 'c', cluster: { server: server.origin, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    server,
    folder: folder.path,
    kubeconfig,
    /** A job as the operator keeps it. */
    put(name: string, more: { spec?: object; status?: object; namespace?: string } = {}) {
      const { spec = {}, status = {}, namespace = 'team-a' } = more;
      const written = aWrittenJob();
      const at = { collection, namespace, name };
      const object = {
        ...written,
        metadata: { name, namespace },
        spec: { ...(written['spec'] as object), ...spec },
      };
      if (server.objects.find(at) === undefined) server.objects.create(at, object);
      server.objects.mergePatch(at, { spec: object.spec, status });
    },
    get: (name: string) => server.objects.find({ collection, namespace: 'team-a', name }),
    async anneal(...words: readonly string[]): Promise<Told> {
      let out = '';
      let err = '';
      const code = await run(['node', 'anneal', ...words], {
        variables: {
          ...{ KUBECONFIG: kubeconfig, ANNEAL_CACHE: folder.path, ANNEAL_OFFLINE: '1' },
          // A machine that is busy with other things is no server that does not answer.
          ANNEAL_REQUEST_SECONDS: '3600',
        },
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
      });
      const clean = (text: string) =>
        text.replaceAll(folder.path, 'FOLDER').replaceAll(server.origin, 'SERVER');
      return { code, out: clean(out), err: clean(err) };
    },
    async write(name: string, text: string): Promise<string> {
      const file = join(folder.path, name);
      await writeFile(file, text);
      return file;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
