// A door to the API server that a test can shut: bytes go through untouched, TLS included, until
// the connections are cut or held back.
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { configFrom, kubeconfig } from './access.ts';

export interface ApiProxy {
  /** A kubeconfig whose server is the door. */
  readonly kubeconfig: string;
  readonly connections: () => number;
  /** Ends all connections without a word; new ones are let in. */
  cut(): void;
  /** Ends all connections and lets none in, until it is opened. */
  shut(): void;
  open(): void;
}

export async function startProxy(t: ExecutionContext): Promise<ApiProxy> {
  const target = new URL(configFrom().getCurrentCluster()?.server ?? '');
  const pairs = new Set<readonly [Socket, Socket]>();
  let isShut = false;
  const server = createServer((client) => {
    if (isShut) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.pipe(upstream).pipe(client);
    for (const socket of pair) {
      socket.on('error', () => undefined); // cutting is what this is for
      socket.on('close', () => {
        pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  const folder = await temporaryFolder();
  t.teardown(async () => {
    cut();
    server.close();
    await folder[Symbol.asyncDispose]();
  });
  const file = join(folder.path, 'kubeconfig');
  const config = parse(await readFile(kubeconfig, 'utf8')) as {
    clusters: { cluster: { server: string } }[];
  };
  for (const { cluster } of config.clusters) {
    cluster.server = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  await writeFile(file, stringify(config));
  return {
    kubeconfig: file,
    connections: () => pairs.size,
    cut,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => {
      isShut = false;
    },
  };
}
