// The part of an API server that says whose a token is. It answers what it is told to; undefined:
// it does not answer at all.
import type { KubeRequest, KubeTransport } from '../../operator/runtime/transport.ts';

export interface Review {
  readonly authenticated: boolean;
  readonly audiences: readonly string[];
  readonly username: string;
  /** As the API server names the pod that a token is bound to. */
  readonly pod?: { readonly name: string; readonly uid: string };
}

export interface Reviewer extends KubeTransport {
  answer: Review | undefined;
  /** Audiences of each review that was asked for. */
  readonly asked: (readonly string[])[];
}

export function reviewer(answer: Review | undefined): Reviewer {
  const asked: (readonly string[])[] = [];
  const self: Reviewer = {
    ...{ answer, asked, skewMs: 0 },
    async send({ body }: KubeRequest) {
      const { spec } = body as { spec: { audiences: readonly string[] } };
      asked.push(spec.audiences);
      if (self.answer === undefined) throw new Error('no answer');
      const { authenticated, audiences, username, pod } = self.answer;
      const extra = pod && {
        'authentication.kubernetes.io/pod-name': [pod.name],
        'authentication.kubernetes.io/pod-uid': [pod.uid],
      };
      return { status: { authenticated, audiences, user: { username, extra } } };
    },
    // biome-ignore lint/correctness/useYield: nobody watches
    async *lines() {
      throw new Error('nobody watches');
    },
  };
  return self;
}

/** Looks like a token of Kubernetes; nobody signed it. */
export function aToken(claims: Readonly<Record<string, unknown>>): string {
  const coded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${coded({ alg: 'RS256' })}.${coded(claims)}.c2lnbmVk`;
}
