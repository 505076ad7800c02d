// Who we are to the API server, and how to know that it is the API server. Kubeconfig files, exec
// plugins and the rotating token of a pod are read by the official client; here they are only asked
// again, when a minute has passed or after a 401.
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../crds/clock.ts';
import { TerminalError } from '../../crds/failures/errors.ts';

export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Differs when the TLS material does, so that connections made with the old one can go. */
  readonly tlsKey: string;
}

/**
 * Kubelet rotates a pod's token long before it expires; the official clients look once a minute
 * too.
 */
const freshMs = 60_000;

export class CredentialSource {
  readonly server: string;
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  #known: { readonly at: number; readonly credentials: Promise<Credentials> } | undefined;

  constructor(config: KubeConfig, clock: Clock) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new TerminalError({
        code: 'E_UNREACHABLE',
        message: 'the kubeconfig names no cluster in its current context',
        hint: 'set KUBECONFIG, or run inside a pod with a service account',
      });
    }
    this.server = server.replace(/\/+$/, '');
    this.#config = config;
    this.#clock = clock;
  }

  current(): Promise<Credentials> {
    const now = this.#clock.monotonic();
    if (this.#known === undefined || now - this.#known.at > freshMs) {
      const credentials = this.#read();
      this.#known = { at: now, credentials };
      credentials.catch(() => this.renew());
    }
    return this.#known.credentials;
  }

  /** The server did not know us: ask again at the next request. */
  renew(): void {
    this.#known = undefined;
  }

  async #read(): Promise<Credentials> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined) headers[name] = String(value);
    }
    if (typeof options.auth === 'string') {
      headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const tls = tlsOf(options);
    return { headers, tls, tlsKey: JSON.stringify(Object.values(tls).map(String)) };
  }
}

function tlsOf({ ca, cert, key, passphrase, rejectUnauthorized, ...rest }: RequestOptions) {
  const { servername } = rest;
  return {
    ...(typeof ca === 'string' || Buffer.isBuffer(ca) ? { ca } : {}),
    ...(typeof cert === 'string' || Buffer.isBuffer(cert) ? { cert } : {}),
    ...(typeof key === 'string' || Buffer.isBuffer(key) ? { key } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  } satisfies TlsMaterial;
}
