// What happens when things go wrong or end: failures, network, observation.
import * as z from 'zod';
import { closedNetworks, isClosed, parseCidr } from '../schema/cidr.ts';
import { mutable } from '../schema/mutability.ts';
import { type Rule, rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';

/** The times of so many restarts are in the account of a job, which has to stay small. */
export const windowEntries = 128;

const failureRule = exactlyOne(
  z.strictObject({
    onExitCodes: z
      .array(z.int32().min(1).max(255))
      .min(1)
      .max(32)
      .optional()
      .describe('Exit codes of a worker that this rule is about.'),
    onReasons: z
      .array(text(64))
      .min(1)
      .max(32)
      .optional()
      .describe('Reasons of a failure that this rule is about.'),
    action: z
      .enum(['Restart', 'RestartExcludingNode', 'Ignore', 'Fail'])
      .describe(
        'What is done: a counted restart, one elsewhere, one that is not counted, or the end.',
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
    .describe('Length of the window; 0 counts over the whole life.'),
  hangTimeoutSeconds: z.int32().min(10).default(600).describe('Longest time without a step.'),
  nodeLostPolicy: z
    .enum(['Wait', 'ForceReplace'])
    .default('Wait')
    .describe('Wait for a lost node, or replace its pod by force.'),
  nodeLostGraceSeconds: z
    .int32()
    .min(0)
    .default(60)
    .describe('How long a node may be unreachable before it counts as lost.'),
  deviceOutOfMemoryPolicy: z
    .enum(['Adjust', 'Fail'])
    .default('Adjust')
    .describe('Adjust the memory plan step by step, or fail at once.'),
  hostOutOfMemoryPolicy: z
    .enum(['Fail', 'Grow'])
    .default('Fail')
    .describe('Fail at the third time, or give the workers a quarter more memory.'),
  rules: z
    .array(failureRule)
    .max(16)
    .default([])
    .describe('Exceptions, the first that matches counts.'),
});

export const failurePolicy = mutable(
  rule(failureFields, {
    id: 'failurePolicy: as many restarts as a window remembers',
    cel: `self.restartWindowSeconds == 0 || self.maxRestarts < ${windowEntries}`,
    check: (self) => self.restartWindowSeconds === 0 || self.maxRestarts < windowEntries,
    message: `is more than ${windowEntries - 1}, and a window remembers the last ${windowEntries} restarts`,
    hint: 'set restartWindowSeconds to 0 to count over the whole life, or allow fewer',
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
    .describe('Stable names for the pods; Enabled when absent and there are several workers.'),
  egressCIDRs: z
    .array(text(64))
    .max(64)
    .default([])
    .describe('Networks that the pods of the job may reach besides.'),
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
    hint: 'set spec.network.allowMetadataService: Allow if the job needs the rights of its node',
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
      .describe('Least important log line that is written.'),
    retentionSeconds: z
      .int32()
      .min(0)
      .default(604_800)
      .describe('How long logs and metrics are kept after the end.'),
    tensorboard: z
      .enum(['Enabled', 'Disabled'])
      .default('Disabled')
      .describe('Curves of the run as TensorBoard files, in `tensorboard/` beside the result.'),
    traceSampling: z
      .enum(['None', 'Errors', 'All'])
      .default('None')
      .describe(
        'Which jobs send traces, where a collector is configured: None, those that fail, or All.',
      ),
  }),
  'Live',
);

export type FailurePolicy = z.output<typeof failurePolicy>;
