// Which cluster this is: the UID of the namespace that every cluster has and nobody makes again.
// Two operators that share a bus keep apart by it.
import * as z from 'zod';
import { toAnnealError, UserError } from '../../crds/failures/errors.ts';
import type { KubeTransport } from './transport.ts';

const path = '/api/v1/namespaces/kube-system';
const namespace = z.object({
  metadata: z.object({ uid: z.string().regex(/^[-0-9a-zA-Z]{1,64}$/) }),
});

/** Asked once, until there is an answer. */
export function clusterUid(
  transport: Pick<KubeTransport, 'send'>,
  signal: AbortSignal,
): () => Promise<string> {
  let known: string | undefined;
  return async () => {
    if (known !== undefined) return known;
    try {
      const raw = await transport.send({ verb: 'GET', path }, signal);
      known = namespace.parse(raw).metadata.uid;
      return known;
    } catch (thrown) {
      throw notNamed(thrown);
    }
  };
}

function notNamed(cause: unknown): UserError {
  return new UserError({
    code: 'E_NOT_PERMITTED',
    message: `the namespace kube-system, whose UID names the cluster on the bus, cannot be read: ${toAnnealError(cause).message}`,
    hint: 'the chart gives the right to get this one namespace',
    cause,
  });
}
