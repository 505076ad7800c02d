// Failure policy, network and observability.
import * as z from 'zod';
import { closedNetworks, isClosed, parseCidr } from '../schema/cidr.ts';
import { mutable } from '../schema/mutability.ts';
import { type Rule, rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';

/** The restart times are stored in the job's status, which must stay small. */
export const windowEntries = 128;

const failureRule = exactlyOne(
  z.strictObject({
    onExitCodes: z
      .array(z.int32().min(1).max(255))
      .min(1)
      .max(32)
      .optional()
      .describe('Exit codes of a worker that this rule matches.'),
    onReasons: z
      .array(text(64))
      .min(1)
      .max(32)
      .optional()
      .describe('Failure reasons that this rule matches.'),
    action: z
      .enum(['Restart', 'RestartExcludingNode', 'Ignore', 'Fail'])
      .describe(
        'Action: a counted restart, a restart on another node, an uncounted restart, or failure of the job.',
      ),
  }),
  'failurePolicy.rules: one condition',
  ['onExitCodes', 'onReasons'],
);

const failureFields = z.strictObject({
  maxRestarts: z.int32().min(0).max(10_000).default(10).describe('Counted restarts in a window.'),
  restartWindowSeconds: z
    .int32()
    .min(0)
    .default(3600)
    .describe('Length of the window; 0 counts over the life of the job.'),
  hangTimeoutSeconds: z
    .int32()
    .min(10)
    .default(600)
    .describe('Longest time without a completed step.'),
  nodeLostPolicy: z
    .enum(['Wait', 'ForceReplace'])
    .default('Wait')
    .describe('Wait for a lost node, or force the replacement of its pod.'),
  nodeLostGraceSeconds: z
    .int32()
    .min(0)
    .default(60)
    .describe('How long a node may be unreachable before it counts as lost.'),
  deviceOutOfMemoryPolicy: z
    .enum(['Adjust', 'Fail'])
    .default('Adjust')
    .describe('Reduce the memory plan step by step, or fail at once.'),
  hostOutOfMemoryPolicy: z
    .enum(['Fail', 'Grow'])
    .default('Fail')
    .describe('Fail the third time, or raise the memory of the workers by a quarter.'),
  rules: z.array(failureRule).max(16).default([]).describe('Exceptions; the first match applies.'),
});

export const failurePolicy = mutable(
  rule(failureFields, {
    id: 'failurePolicy: as many restarts as a window remembers',
    cel: `self.restartWindowSeconds == 0 || self.maxRestarts < ${windowEntries}`,
    check: (self) => self.restartWindowSeconds === 0 || self.maxRestarts < windowEntries,
    message: `is more than ${windowEntries - 1}, and a window remembers the last ${windowEntries} restarts`,
    hint: 'set restartWindowSeconds to 0 to count over the life of the job, or allow fewer',
    path: ['maxRestarts'],
  }),
  'Suspended',
);

const networkFields = z.strictObject({
  policy: z
    .enum(['Restricted', 'Open', 'None'])
    .default('Restricted')
    .describe('Restricted: workers reach each other, the bus and storage only.'),
  headlessService: z
    .enum(['Enabled', 'Disabled'])
    .optional()
    .describe('Stable DNS names of the pods; when absent, Enabled with several workers.'),
  egressCIDRs: z
    .array(text(64))
    .max(64)
    .default([])
    .describe('Additional networks that the pods may reach.'),
  allowMetadataService: z
    .enum(['Deny', 'Allow'])
    .default('Deny')
    .describe('Whether pods may reach the metadata service of a cloud.'),
});

const closedInCel = closedNetworks.map((each) => `cidr('${each}').containsCIDR(each)`).join(' || ');

const networkRules: readonly Rule<z.output<typeof networkFields>>[] = [
  {
    id: 'network: egress goes to networks',
    cel: 'self.egressCIDRs.all(each, isCIDR(each))',
    check: ({ egressCIDRs }) => egressCIDRs.every((each) => parseCidr(each) !== undefined),
    message:
      'must be networks: an address and the length of its prefix, such as 10.1.0.0/16 or fd12:3456::/32',
    path: ['egressCIDRs'],
  },
  {
    id: 'network: the metadata service is asked for by name',
    cel: `self.allowMetadataService == 'Allow' || self.egressCIDRs.all(each, !isCIDR(each) || !(${closedInCel}))`,
    check: ({ allowMetadataService, egressCIDRs }) =>
      allowMetadataService === 'Allow' ||
      egressCIDRs.every((each) => {
        const cidr = parseCidr(each);
        return cidr === undefined || !isClosed(cidr);
      }),
    message:
      'name an address of the metadata service of a cloud or of the link, which allowMetadataService: Deny closes',
    hint: 'set spec.network.allowMetadataService: Allow if the job needs the permissions of its node',
    path: ['egressCIDRs'],
  },
];

export const network = mutable(rule(networkFields, ...networkRules), 'Suspended');

export const observability = mutable(
  z.strictObject({
    metrics: z
      .enum(['Enabled', 'Disabled'])
      .default('Enabled')
      .describe('Prometheus port of workers.'),
    logLevel: z
      .enum(['Error', 'Warn', 'Info', 'Debug'])
      .default('Info')
      .describe('Lowest level of log lines.'),
    retentionSeconds: z
      .int32()
      .min(0)
      .default(604_800)
      .describe('How long logs and metrics are kept after the job ends.'),
    tensorboard: z
      .enum(['Enabled', 'Disabled'])
      .default('Disabled')
      .describe('Curves of the run as TensorBoard files, in `tensorboard/` beside the results.'),
    traceSampling: z
      .enum(['None', 'Errors', 'All'])
      .default('None')
      .describe(
        'Which jobs export traces, if a collector is configured: none, failed ones, or all.',
      ),
  }),
  'Live',
);

export type FailurePolicy = z.output<typeof failurePolicy>;
