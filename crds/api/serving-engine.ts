// What computes the answers of a server: our own program, or vLLM in an image that the user names.
import * as z from 'zod';
import { type Rule, rule } from '../schema/rule.ts';
import { onlyNamedMember } from '../schema/union.ts';
import { imageReference } from './pod-fields.ts';

const fields = z.strictObject({
  type: z
    .enum(['Anneal', 'VLLM'])
    .default('Anneal')
    .describe('Anneal: anneal serve. VLLM: vLLM, which is given the same base and adapters.'),
  vllm: z
    .strictObject({
      image: imageReference().describe('Image that has the command vllm, preferably by digest.'),
    })
    .optional()
    .describe('Settings of VLLM.'),
});

export const servingEngine = rule(onlyNamedMember(fields, 'server.engine', { VLLM: 'vllm' }), {
  id: 'server.engine: vLLM needs an image',
  cel: "self.type != 'VLLM' || has(self.vllm)",
  check: ({ type, vllm }) => type !== 'VLLM' || vllm !== undefined,
  message: 'is VLLM, and vllm.image does not say which image has it',
  path: ['type'],
});

interface Served {
  readonly engine: z.output<typeof servingEngine>;
  readonly compose: readonly unknown[];
  readonly precision?: 'Float32' | 'BFloat16' | undefined;
  readonly devicesPerReplica: number;
  readonly limits: {
    readonly queue?: number | undefined;
    readonly maxTokens?: number | undefined;
  };
}

const isVllm = ({ engine }: Served): boolean => engine.type === 'VLLM';

/** Fields of a server that an engine does not have are refused, not ignored. */
export const rulesOfEngine: readonly Rule<Served>[] = [
  {
    id: 'server: vLLM answers with one adapter',
    cel: "self.engine.type != 'VLLM' || size(self.compose) == 0",
    check: (self) => !isVllm(self) || self.compose.length === 0,
    message: 'is set, and vLLM answers each request with one adapter',
    hint: 'leave it out, or use the engine Anneal',
    path: ['compose'],
  },
  {
    id: 'server: vLLM has its own queue',
    cel: "self.engine.type != 'VLLM' || !has(self.limits.queue)",
    check: (self) => !isVllm(self) || self.limits.queue === undefined,
    message: 'is set, and vLLM has no limit of requests that wait',
    path: ['limits', 'queue'],
  },
  {
    id: 'server: vLLM answers as long as asked',
    cel: "self.engine.type != 'VLLM' || !has(self.limits.maxTokens)",
    check: (self) => !isVllm(self) || self.limits.maxTokens === undefined,
    message: 'is set, and an answer of vLLM that does not say ends with limits.context',
    path: ['limits', 'maxTokens'],
  },
  {
    id: 'server: vLLM computes adapters in 16 bits',
    cel: "self.engine.type != 'VLLM' || !has(self.precision) || self.precision != 'Float32'",
    check: (self) => !isVllm(self) || self.precision !== 'Float32',
    message: 'is Float32, and vLLM computes adapters in 16 bits',
    path: ['precision'],
  },
  {
    id: 'server: devices of the engine',
    cel: "self.engine.type == 'VLLM' ? self.devicesPerReplica >= 1 : self.devicesPerReplica <= 1",
    check: (self) => (isVllm(self) ? self.devicesPerReplica >= 1 : self.devicesPerReplica <= 1),
    message: 'must be at least 1 with vLLM, and at most 1 with the engine Anneal',
    path: ['devicesPerReplica'],
  },
];
