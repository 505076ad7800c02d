// The results: formats, destination, and upload to a hub.
import * as z from 'zod';
import { ggufBlocks } from '../methods/fake-quantized.ts';
import { mutable } from '../schema/mutability.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { pruning } from './pruning.ts';
import { quantization } from './quantization.ts';
import { destinationOf, secretKeyRef } from './source.ts';

const pushToHub = z.strictObject({
  repository: text(
    200,
    /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'a repository such as owner/name',
  ).describe('Repository on the hub, `owner/name`; created if it does not exist.'),
  visibility: z
    .enum(['Private', 'Public'])
    .default('Private')
    .describe('Visibility of a new repository.'),
  tokenSecretRef: secretKeyRef
    .optional()
    .describe('Secret with a token that has write access. A local run reads HF_TOKEN instead.'),
  revision: text(200).default('main').describe('Branch to write to.'),
});

const ggufFields = z.strictObject({
  type: z
    .enum(['F32', 'F16', 'BF16', ...ggufBlocks])
    .optional()
    .describe(
      'Type of the matrices in the file; vectors are always F32. When absent: BF16, or that of fakeQuantized.gguf, beside which embedding and head are BF16, or F32 where precision is Float32. Below Q8_0 the token embedding and the head are Q6_K, and every matrix of a block has this type: no mix of types as in Q4_K_M. Types that end in _K need rows of whole blocks of 256; other matrices are Q8_0 instead of Q6_K, Q5_1 instead of Q5_K, Q5_0 instead of Q4_K, Q4_0 instead of Q3_K and Q2_K, and the report counts them.',
    ),
  calibrationSequences: z
    .int32()
    .min(0)
    .max(4096)
    .default(0)
    .describe(
      'Sequences of the training data, the first ones, by whose activations columns of the linear layers count while codes are chosen (an importance matrix). 0: by the weights alone. For types below Q8_0.',
    ),
});

/** Types of few bits, whose codes are searched for. */
const searched = ggufBlocks.filter((type) => type !== 'Q8_0');

const gguf = rule(ggufFields, {
  id: 'output.gguf: columns count where codes are searched for',
  cel: `self.calibrationSequences == 0 || has(self.type) && self.type in [${searched.map((type) => `'${type}'`).join(', ')}]`,
  check: ({ type, calibrationSequences }) =>
    calibrationSequences === 0 || searched.some((one) => one === type),
  message: 'is set, but the type has so many bits that each value is rounded by itself',
  hint: 'leave it out, or choose a type below Q8_0',
  path: ['calibrationSequences'],
});

export const output = rule(
  z.strictObject({
    formats: mutable(
      z
        .array(
          z.enum([
            'PEFTAdapter',
            'MergedSafetensors',
            'GGUF',
            'AQLM',
            'GGUFAdapter',
            'UniformPEFTAdapter',
            'MixLoRA',
            'KaSA',
            'CompressedTensors',
            'GPTQ',
            'AWQ',
          ]),
        )
        .min(1)
        .max(11),
      'Suspended',
    )
      .optional()
      .describe(
        'Formats of the result. When absent: PEFTAdapter if an adapter is trained, or MixLoRA with that adapter, else MergedSafetensors, which is then the whole model. GGUFAdapter: the adapter for llama.cpp, beside a GGUF file of the base. UniformPEFTAdapter: a PEFTAdapter with one rank in all layers, for servers that read no rank patterns. AQLM: codes, codebooks and scales of a Codebook base, for aqlm and transformers. MixLoRA: experts, routers and LoRA of that adapter, under the names of its authors. KaSA: that adapter for the one of PEFT, which takes the same part from each weight itself. CompressedTensors: the integers of a FakeQuantized base with their scales, for vLLM and transformers; with that base, this one when absent, or GGUF where it has blocks of that. GPTQ and AWQ: the integers of quantization in these layouts.',
      ),
    gguf: mutable(gguf, 'Suspended').prefault({}).describe('Settings of the format GGUF.'),
    quantization: mutable(quantization, 'Suspended')
      .optional()
      .describe(
        'Quantizes the linear layers of the blocks to integers after training, for the formats CompressedTensors, GPTQ and AWQ.',
      ),
    pruning: mutable(pruning, 'Suspended')
      .optional()
      .describe(
        'Cuts a smaller model out of the base, with preset NoTraining: a MergedSafetensors folder with the file pruning.json. LoRA that is trained on that folder is published for the whole base.',
      ),
    destination: destinationOf('output.destination')
      .optional()
      .describe('Folder or prefix for the results.'),
    pushToHub: mutable(pushToHub, 'Suspended')
      .optional()
      .describe('Upload to the Hugging Face hub.'),
  }),
  {
    id: 'output: somewhere to put the result',
    cel: 'has(self.destination) || has(self.pushToHub)',
    check: (self) => self.destination !== undefined || self.pushToHub !== undefined,
    message: 'must have destination or pushToHub, or the result would be lost',
  },
);

export type Output = z.output<typeof output>;
export type GgufType = NonNullable<Output['gguf']['type']>;
