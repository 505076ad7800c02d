// The bus of a cluster from outside: its address, and a token to read the jobs of one namespace.
// The API server issues the token for a service account of that namespace, so a user without that
// permission reads nothing.
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { group, TerminalError } from '../../crds/index.ts';
import { label } from '../../crds/names/labels.ts';
import { podPath, viewAudience } from '../../crds/wire/pod.ts';
import { ViewBus } from '../../crds/wire/view-bus.ts';
import type { CliConfig } from '../process/config.ts';
import { readyBusPod, requireForward } from './bus-pod.ts';
import type { Kube } from './kube.ts';
import { KubeError } from './kube-error.ts';
import { listAll } from './kube-watch.ts';
import { openTunnel, type Tunnel } from './tunnel.ts';

const natsPort = 4222;
const tokenSeconds = 3600;
/** How long a first connection may take. */
const connectMs = 15_000;

const plan = z.object({ data: z.record(z.string(), z.string()).default({}) });
const answer = z.object({ status: z.object({ token: z.string() }) });
export interface ClusterBus extends AsyncDisposable {
  readonly bus: ViewBus;
}

export async function connectBus(
  kube: Kube,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  config: Pick<CliConfig, 'busUrl' | 'systemNamespace' | 'release'>,
  signal: AbortSignal,
): Promise<ClusterBus> {
  const { busUrl } = config;
  // Fails with a sentence now; otherwise the connection would only be closed.
  if (busUrl === undefined) {
    await requireForward(kube, await readyBusPod(kube, config, signal), signal);
  }
  const token = await renewedToken(kube, namespace, signal);
  const authority = await authorityOf(kube, { namespace, name }, signal);
  let tunnel: Tunnel | undefined;
  if (busUrl === undefined) {
    tunnel = await openTunnel(kube, () => readyBusPod(kube, config, signal), natsPort);
  }
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(connectMs)]);
    const bus = await ViewBus.connect(
      {
        url: busUrl ?? `nats://127.0.0.1:${tunnel?.port}`,
        name: 'anneal',
        ...{ namespace, token: token.now },
        ...(authority === undefined ? {} : { authority }),
        oneServer: tunnel !== undefined,
      },
      limit,
    );
    return {
      bus,
      async [Symbol.asyncDispose]() {
        token.stop();
        await bus[Symbol.asyncDispose]();
        await tunnel?.[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    token.stop();
    await tunnel?.[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw silent(busUrl ?? 'the pods of the bus', error);
  }
}

/** A reconnect after an hour needs a valid token, so the token is renewed meanwhile. */
async function renewedToken(kube: Kube, namespace: string, signal: AbortSignal) {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  let token = await viewToken(kube, namespace, signal);
  const renew = async (): Promise<void> => {
    while (!both.aborted) {
      await wait((tokenSeconds / 2) * 1000, undefined, { signal: both, ref: false });
      // A temporarily unreachable API server does not matter: the old token stays valid until the
      // next attempt.
      token = await viewToken(kube, namespace, both).catch(() => token);
    }
  };
  void renew().catch(() => undefined); // ended
  return { now: () => token, stop: () => ended.abort() };
}

async function viewToken(kube: Kube, namespace: string, signal: AbortSignal): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
  const spec = { audiences: [viewAudience(group, namespace)], expirationSeconds: tokenSeconds };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const { data } = answer.safeParse(await kube.send({ verb: 'POST', path, body }, signal));
  if (data !== undefined) return data.status.token;
  throw new TerminalError({
    code: 'E_BUS_UNAVAILABLE',
    message: `the API server gave no token for the bus of ${namespace}`,
    hint: 'kubectl create token default shows whether it gives any',
  });
}

/** The trust anchor of the job's pods is stored beside their plan. */
async function authorityOf(
  kube: Kube,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const labelSelector = `${label.jobName}=${name}`;
  try {
    const { objects } = await listAll(kube, { path, labelSelector }, signal);
    return objects.map((object) => plan.safeParse(object).data?.data[podPath.authorityFile]).at(-1);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof KubeError) return undefined; // without permission, fall back to the system's certificates
    throw error;
  }
}

function silent(where: string, cause: unknown): TerminalError {
  return new TerminalError({
    code: 'E_BUS_UNAVAILABLE',
    message: `${where} did not accept the connection within ${connectMs / 1000} seconds`,
    cause,
  });
}
