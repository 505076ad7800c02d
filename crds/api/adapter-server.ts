// AdapterServer: pods that answer requests with a base and adapters of it, by name. What they do is
// what `anneal serve` does; the operator keeps them, and tells them which adapters there are.
import * as z from 'zod';
import { apiVersion, serverNames } from '../names/group.ts';
import { quantity } from '../schema/quantity.ts';
import { type Rule, rule } from '../schema/rule.ts';
import { celText, objectName, text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { composition, mostCompositions, servedName } from './composition.ts';
import { conditionList } from './conditions.ts';
import { objectMeta } from './job.ts';
import { model } from './model.ts';
import { imagePullSecrets, nodeSelector, resources, tolerations } from './pod-fields.ts';
import { rulesOfEngine, servingEngine } from './serving-engine.ts';
import { claimPath, s3, secretRef } from './source.ts';

const mostAdapters = 256;

const adapter = exactlyOne(
  z.strictObject({
    name: servedName().describe('Name of the adapter in requests.'),
    adapterRef: z
      .strictObject({
        name: objectName().describe('Name of the Adapter, in this namespace.'),
        credentialsSecretRef: secretRef
          .optional()
          .describe('Secret with the keys of the bucket, where its files are in one.'),
      })
      .optional()
      .describe('An Adapter that a job made.'),
    s3: s3.optional().describe('A prefix in a bucket that has an adapter in PEFT format.'),
    persistentVolumeClaim: claimPath
      .optional()
      .describe('A folder in PEFT format in a volume, mounted for reading.'),
  }),
  'server.adapters: one place',
  ['adapterRef', 's3', 'persistentVolumeClaim'],
);

const limits = z.strictObject({
  sequences: z
    .int32()
    .min(1)
    .max(1024)
    .default(16)
    .describe('Sequences that are decoded together.'),
  queue: z
    .int32()
    .min(0)
    .max(65_536)
    .optional()
    .describe('Requests that may wait beside them; 64 when absent. Not of VLLM.'),
  context: z
    .int32()
    .min(2)
    .default(2048)
    .describe('Longest prompt and answer together, in tokens.'),
  maxTokens: z
    .int32()
    .min(1)
    .optional()
    .describe('Longest answer of a chat that does not say; 512 when absent. Not of VLLM.'),
  cacheMemory: quantity()
    .optional()
    .describe('Memory of keys and values; 512Mi when absent, or what vLLM finds free on a device.'),
});

const fields = z.strictObject({
  model: model.omit({ task: true }).describe('The base of all adapters.'),
  modelName: servedName().default('base').describe('Name of the base in requests.'),
  adapters: z
    .array(adapter)
    .max(mostAdapters)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe(
      'Adapters that are served; one that comes or goes here is loaded or unloaded while requests run.',
    ),
  compose: z
    .array(composition)
    .max(mostCompositions)
    .default([])
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
    .describe('Several adapters under one name.'),
  acceptUnnamedBase: z
    .boolean()
    .default(false)
    .describe('Adapters that do not say which base they were trained on are served.'),
  engine: servingEngine.prefault({}).describe('What computes the answers.'),
  precision: z
    .enum(['Float32', 'BFloat16'])
    .optional()
    .describe(
      'Form of the weights in memory; BFloat16 on a device and Float32 without, when absent, or what vLLM takes for the model.',
    ),
  limits: limits.prefault({}).describe('How much a pod does at once.'),
  replicas: z.int32().min(0).max(1000).default(1).describe('Pods; the target of kubectl scale.'),
  devicesPerReplica: z
    .int32()
    .min(0)
    .max(8)
    .default(0)
    .describe('Devices of a pod; 0 for the processor. More than one with VLLM alone.'),
  imagePullSecrets,
  resources: resources('devicesPerReplica')
    .optional()
    .describe('Processor and memory of a pod; what the site gives to workers when absent.'),
  scratchSize: quantity().default('20Gi').describe('Disk of the node for a model that is fetched.'),
  nodeSelector,
  tolerations,
  terminationGracePeriodSeconds: z
    .int()
    .min(15)
    .max(86_400)
    .default(120)
    .describe('Time for open requests after SIGTERM.'),
});

type Fields = z.output<typeof fields>;

const partsAreServed: Rule<Fields> = {
  id: 'server: parts are adapters of the server',
  cel: 'self.compose.all(one, one.parts.all(part, self.adapters.exists(each, each.name == part.adapter)))',
  check: ({ compose, adapters }) =>
    compose.every(({ parts }) =>
      parts.every((part) => adapters.some(({ name }) => name === part.adapter)),
    ),
  message: 'has a part that is no adapter of this server',
  hint: 'parts are names of spec.adapters',
  path: ['compose'],
};

const namesDiffer: Rule<Fields> = {
  id: 'server: a name stands for one model',
  cel: 'self.adapters.all(one, one.name != self.modelName) && self.compose.all(one, one.name != self.modelName && !self.adapters.exists(each, each.name == one.name))',
  check: ({ modelName, adapters, compose }) => {
    const names = [modelName, ...[...adapters, ...compose].map(({ name }) => name)];
    return new Set(names).size === names.length;
  },
  message: 'gives one name to two models; base, adapters and compositions need names of their own',
};

export const serverSpec = rule(fields, partsAreServed, namesDiffer, ...rulesOfEngine);
export type ServerSpec = z.output<typeof serverSpec>;

const servedAdapter = z.strictObject({
  name: text(128).describe('Name in requests.'),
  state: z
    .enum(['Loaded', 'Loading', 'Refused'])
    .describe('Loaded: all ready pods serve it. Refused: message says why none will.'),
  message: text(1024).optional().describe('Why it is not served.'),
  load: z
    .strictObject({
      open: z.int32().min(0).describe('Requests that are answered or wait.'),
      answers: z.int().min(0).describe('Finished answers since the pods began.'),
      tokens: z.int().min(0).describe('Tokens of these answers.'),
    })
    .optional()
    .describe('What was asked of it: the sum over the pods, told every ten seconds at most.'),
});

export const serverStatus = z.strictObject({
  observedGeneration: z.int().min(0).optional().describe('Generation that this is about.'),
  replicas: z.int32().min(0).optional().describe('Pods that there are.'),
  readyReplicas: z.int32().min(0).optional().describe('Pods that answer requests.'),
  selector: text(512).optional().describe('Selector of the pods, for autoscalers.'),
  url: text(512).optional().describe('Where requests are answered, in the cluster.'),
  adapters: z
    .array(servedAdapter)
    .max(mostAdapters + mostCompositions)
    .optional()
    .describe('Adapters and compositions, as the pods tell.'),
  memory: z
    .strictObject({
      weights: quantity().describe('The base.'),
      cache: quantity().describe('Keys and values.'),
      adapters: quantity().describe('Room for adapters.'),
      work: quantity().describe('Temporaries and the program.'),
      peak: quantity().describe('Their sum.'),
    })
    .optional()
    .describe('What the process with the model will take, where an Adapter tells the base.'),
  summary: text(32).optional().describe('Adapters that are loaded, of those that should be.'),
  conditions: conditionList(16).describe(
    'Accepted: what the spec names is there. Ready: all pods answer. AdaptersLoaded.',
  ),
});

export type ServerStatus = z.output<typeof serverStatus>;
export type ServedAdapterStatus = z.output<typeof servedAdapter>;

/** Types of its conditions. */
export type ServerCondition = 'Accepted' | 'Ready' | 'AdaptersLoaded';

/** Of a Service: a DNS label that begins with a letter. */
const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const longestName = 40;

export const adapterServer = rule(
  z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
    kind: z.literal(serverNames.kind).describe('Kind of the object.'),
    metadata: objectMeta.describe('Name, namespace and labels of the server.'),
    spec: serverSpec.describe('The desired state.'),
    status: serverStatus.optional().describe('What is.'),
  }),
  {
    id: 'server: the name can be that of a Service',
    where: 'cluster',
    cel: `size(self.metadata.name) <= ${longestName} && self.metadata.name.matches(${celText(serviceName.source)})`,
    check: ({ metadata: { name = '' } }) => name.length <= longestName && serviceName.test(name),
    message: `must have at most ${longestName} small letters, digits and hyphens and begin with a letter, because it is the name of the Service`,
    path: ['metadata', 'name'],
  },
);
