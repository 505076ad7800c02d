// For each rule of the contract: values that it accepts and values that it rejects. `self` is the
// value that the rule stands at; rules of the whole spec start from a small valid one. A rule
// without cases fails the test.
import { axisEntries } from '../../crds/methods/index.ts';
import { type AxisEntry, axisNames } from '../../crds/methods/method.ts';
import { aSpec, changed } from '../builders/job.ts';
import { type Cases, casesOfTasks } from './rule-cases-of-tasks.ts';

const spec = (changes: Record<string, unknown>) => changed(aSpec(), changes);
const training = (changes: Record<string, unknown>) => changed(aSpec().training, changes);
const dataset = (changes: Record<string, unknown>) => changed(aSpec().dataset, changes);
const worker = (changes: Record<string, unknown>) => changed(aSpec().worker, changes);

const network = (changes: Record<string, unknown>) => changed(aSpec().network, changes);

const claim = { claimName: 'a', path: 'b' };
const s3 = { uri: 's3://bucket' };

const oneMember: Cases = {
  accepts: [{ persistentVolumeClaim: claim }, { s3 }],
  rejects: [{}, { s3, persistentVolumeClaim: claim }],
};
const notLocal: Cases = { accepts: [{ s3 }], rejects: [{ local: { path: '/data' } }] };
const oneVolume: Cases = {
  accepts: [{ ephemeral: { size: '1Gi' } }, { persistentVolumeClaim: { claimName: 'a' } }],
  rejects: [{}, { ephemeral: { size: '1Gi' }, persistentVolumeClaim: { claimName: 'a' } }],
};
const reservedKeys = (map: string): Cases => ({
  accepts: [worker({}), worker({ [map]: { 'example.com/team': 'a', team: 'b' } })],
  rejects: [
    worker({ [map]: { 'anneal.dev/job-name': 'a' } }),
    worker({ [map]: { team: 'b', 'kueue.x-k8s.io/queue-name': 'a' } }),
  ],
});

const named = (name: string, changes: Record<string, unknown> = {}) => ({
  metadata: { name },
  spec: spec(changes),
});
const plainResources = (map: string): Cases => ({
  accepts: [
    {},
    { [map]: {} },
    { [map]: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '1Gi', 'hugepages-2Mi': '4Mi' } },
    { [map]: { 'rdma/hca': 1, 'vpc.amazonaws.com/efa': 1 } },
  ],
  rejects: [
    { [map]: { cpu: 1, 'nvidia.com/gpu': 8 } },
    { [map]: { 'amd.com/gpu': 1 } },
    { [map]: { cpus: 1 } },
  ],
});

const powersOfTwo: Cases = { accepts: [32, 64, 4096], rejects: [48, 100, 4095] };

const widths: Cases = { accepts: [2, 3, 4, 8], rejects: [5, 6, 7] };

const failures = (changes: Record<string, unknown>) => changed(aSpec().failurePolicy, changes);

/** Parameters of a value of an axis, and those of one with another. */
const ofAxes = axisNames.flatMap((axis) => {
  const entries: readonly AxisEntry[] = axisEntries[axis];
  return entries.flatMap(({ type, member, parameters }): [string, Cases][] => {
    if (member === undefined || parameters === undefined) return [];
    // The one before it, or the last.
    const other = entries.at(entries.findIndex((one) => one.type === type) - 1)?.type;
    const cases = {
      accepts: [{ type, [member]: parameters.parse({}) }, { type }],
      rejects: [{ type: other, [member]: {} }],
    };
    return [[`method.${axis}: ${member} only with ${type}`, cases]];
  });
});

export const ruleCases: Readonly<Record<string, Cases>> = {
  ...Object.fromEntries(ofAxes),
  'failurePolicy: as many restarts as a window remembers': {
    accepts: [
      failures({ maxRestarts: 127 }),
      failures({ maxRestarts: 10_000, restartWindowSeconds: 0 }),
    ],
    rejects: [
      failures({ maxRestarts: 128 }),
      failures({ maxRestarts: 128, restartWindowSeconds: 1 }),
    ],
  },
  'method.base: nf4.blockSize is a power of two': powersOfTwo,
  'method.base: int8.groupSize is a power of two': powersOfTwo,
  'method.base: int4.groupSize is a power of two': powersOfTwo,
  'method.base: integer.groupSize is a power of two': powersOfTwo,
  'method.base: fakeQuantized.groupSize is a power of two': powersOfTwo,
  'output.gguf: columns count where codes are searched for': {
    accepts: [
      { type: 'Q8_0', calibrationSequences: 0 },
      { type: 'Q4_K', calibrationSequences: 8 },
    ],
    rejects: [
      { type: 'Q8_0', calibrationSequences: 8 },
      { type: 'BF16', calibrationSequences: 1 },
    ],
  },
  'output.quantization.groupSize is a power of two': powersOfTwo,
  'output.pruning: something is left out': {
    accepts: [
      { channelsPercent: 50, headsPercent: 0 },
      { channelsPercent: 0, headsPercent: 10 },
    ],
    rejects: [{ channelsPercent: 0, headsPercent: 0 }],
  },
  'method.base: fakeQuantized.bits is a width of integers': widths,
  'output.quantization.bits is a width of integers': widths,
  'blockLora.blocks divides blockLora.rank': {
    accepts: [{}, { rank: 24 }, { blocks: 4 }, { rank: 6, blocks: 3 }],
    rejects: [{ rank: 12 }, { blocks: 3 }, { rank: 6, blocks: 4 }],
  },
  'network: egress goes to networks': {
    accepts: [
      network({}),
      network({ egressCIDRs: ['10.1.0.0/16', '10.1.2.3/8', 'fd12::/32', '0.0.0.0/0'] }),
    ],
    rejects: [
      network({ egressCIDRs: ['10.0.0.0/99'] }),
      network({ egressCIDRs: ['10.0.0.0/8', 'store.example.com'] }),
      network({ egressCIDRs: ['010.0.0.0/8'] }),
      network({ egressCIDRs: ['::ffff:10.0.0.1/128'] }),
    ],
  },
  'network: the metadata service is asked for by name': {
    accepts: [
      network({ egressCIDRs: ['10.0.0.0/99', '0.0.0.0/0', 'fd00::/8'] }),
      network({ egressCIDRs: ['169.254.169.254/32'], allowMetadataService: 'Allow' }),
    ],
    rejects: [
      network({ egressCIDRs: ['10.0.0.0/8', '169.254.169.254/32'] }),
      network({ egressCIDRs: ['169.254.0.0/16'] }),
      network({ egressCIDRs: ['100.100.100.200/32'] }),
      network({ egressCIDRs: ['168.63.129.16/32'] }),
      network({ egressCIDRs: ['fd00:ec2::254/128'] }),
      network({ egressCIDRs: ['FE80::1/128'] }),
    ],
  },
  'job: the name can be that of a pod': {
    accepts: [named('a'), named('7b-x'), named('a-0')],
    rejects: [named('qwen2.5-lora'), named('a-'), named('-a'), named('a_b'), named('A')],
  },
  'job: the name can be that of a Service, where there is one': {
    accepts: [
      named('7b-x'),
      named('b7', { 'worker.replicas': 2 }),
      named('7b-x', { 'worker.replicas': 2, 'network.headlessService': 'Disabled' }),
    ],
    rejects: [
      named('7b-x', { 'worker.replicas': 2 }),
      named('7b-x', { 'network.headlessService': 'Enabled' }),
    ],
  },
  'job: names of pods stay short enough': {
    accepts: [{ metadata: { name: 'a'.repeat(40) } }],
    rejects: [{ metadata: { name: 'a'.repeat(41) } }],
  },
  'spec: a batch in tokens needs packed sequences': {
    accepts: [spec({}), spec({ 'training.globalBatchTokens': 4096, 'dataset.packing': 'Packed' })],
    rejects: [spec({ 'training.globalBatchTokens': 4096 })],
  },
  'spec: a batch in tokens is so many packed sequences': {
    accepts: [
      spec({}),
      spec({ 'training.globalBatchTokens': 4096 }),
      spec({ 'training.globalBatchTokens': 6000, 'dataset.tokensPerSequence': 3000 }),
    ],
    rejects: [
      spec({ 'training.globalBatchTokens': 4097 }),
      spec({ 'training.globalBatchTokens': 4096, 'dataset.tokensPerSequence': 3000 }),
    ],
  },
  'spec: a job trains on records or along trajectories': {
    accepts: [
      { model: {}, dataset: { train: { s3 } }, training: {} },
      { model: {}, dataset: {}, training: { trajectory: {} } },
      { model: { task: 'Denoising' }, dataset: {}, training: { maxSteps: 0 } },
      { model: { task: 'Denoising' }, dataset: { train: { s3 } }, training: { maxSteps: 0 } },
    ],
    rejects: [
      { model: {}, dataset: {}, training: {} },
      { model: {}, dataset: {}, training: { maxSteps: 0 } },
      { model: { task: 'Denoising' }, dataset: {}, training: { maxSteps: 1 } },
      { model: {}, dataset: { train: { s3 } }, training: { trajectory: {} } },
    ],
  },
  'spec: classes are named where a record gets one': {
    accepts: [
      { model: {}, dataset: {}, training: {} },
      { model: { task: 'CausalLM' }, dataset: {}, training: {} },
      ...['SequenceClassification', 'ImageClassification', 'Denoising'].map((task) => ({
        ...{ model: { task }, dataset: { labels: ['a', 'b'] }, training: {} },
      })),
      { model: { task: 'Denoising' }, dataset: {}, training: { trajectory: {} } },
      { model: { task: 'Denoising' }, dataset: {}, training: { maxSteps: 0 } },
      {
        ...{ model: { task: 'Denoising' }, dataset: { train: { s3 }, labels: ['a', 'b'] } },
        training: { maxSteps: 0 },
      },
    ],
    rejects: [
      {
        ...{ model: { task: 'Denoising' }, dataset: { train: { s3 } } },
        training: { maxSteps: 0 },
      },
      { model: {}, dataset: { labels: ['a', 'b'] }, training: {} },
      { model: { task: 'CausalLM' }, dataset: { labels: ['a', 'b'] }, training: {} },
      ...['SequenceClassification', 'ImageClassification', 'Denoising'].map((task) => ({
        ...{ model: { task }, dataset: {}, training: {} },
      })),
      {
        ...{ model: { task: 'Denoising' }, dataset: { labels: ['a', 'b'] } },
        training: { trajectory: {} },
      },
    ],
  },
  'spec: records with a class are for classification': {
    accepts: [
      { model: {}, dataset: { format: 'Auto' } },
      { model: { task: 'CausalLM' }, dataset: { format: 'Chat' } },
      { model: { task: 'SequenceClassification' }, dataset: { format: 'Auto' } },
      { model: { task: 'SequenceClassification' }, dataset: { format: 'TextClassification' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'Auto' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'ImageClassification' } },
      { model: { task: 'Denoising' }, dataset: { format: 'ImageClassification' } },
    ],
    rejects: [
      { model: {}, dataset: { format: 'TextClassification' } },
      { model: {}, dataset: { format: 'ImageClassification' } },
      { model: { task: 'SequenceClassification' }, dataset: { format: 'Chat' } },
      { model: { task: 'SequenceClassification' }, dataset: { format: 'ImageClassification' } },
      { model: { task: 'ImageClassification' }, dataset: { format: 'TextClassification' } },
      { model: { task: 'Denoising' }, dataset: { format: 'TextClassification' } },
    ],
  },
  ...casesOfTasks,
  'spec: texts have a longest length': {
    accepts: [
      { model: {}, dataset: { sequenceLength: 16 } },
      { model: { task: 'SequenceClassification' }, dataset: { sequenceLength: 16 } },
      { model: { task: 'ImageClassification' }, dataset: {} },
      { model: { task: 'Denoising' }, dataset: {} },
      { model: { task: 'Restoration' }, dataset: {} },
      { model: { task: 'Tracking' }, dataset: {} },
    ],
    rejects: [
      { model: {}, dataset: {} },
      { model: { task: 'SequenceClassification' }, dataset: {} },
    ],
  },
  'spec: pictures have the length that their model gives them': {
    accepts: [
      { model: {}, dataset: { sequenceLength: 16 } },
      { model: { task: 'ImageClassification' }, dataset: {} },
    ],
    rejects: [
      { model: { task: 'ImageClassification' }, dataset: { sequenceLength: 16 } },
      { model: { task: 'Denoising' }, dataset: { sequenceLength: 16 } },
    ],
  },
  'spec: a model from scratch learns to make or to restore pictures': {
    accepts: ['Denoising', 'Restoration'].map((task) => ({
      model: { task, initialization: 'FromScratch' },
    })),
    rejects: [
      { model: { initialization: 'FromScratch' } },
      { model: { task: 'ImageClassification', initialization: 'FromScratch' } },
    ],
  },
  'spec: stopping early needs held-out data': {
    accepts: [
      spec({}),
      spec({
        'training.evaluation.earlyStopping': { patience: 1 },
        'dataset.heldOut': { samples: 3 },
      }),
      spec({ 'training.evaluation.earlyStopping': { patience: 1 }, 'dataset.eval': { s3 } }),
    ],
    rejects: [spec({ 'training.evaluation.earlyStopping': { patience: 1 } })],
  },
  'spec: sizes divide the devices': {
    accepts: [
      spec({}),
      spec({ 'worker.replicas': 2, 'worker.devicesPerWorker': 3, 'parallelism.tensorSize': 6 }),
      spec({ 'worker.devicesPerWorker': 0, 'parallelism.contextSize': 5 }),
    ],
    rejects: [
      spec({ 'worker.devicesPerWorker': 1, 'parallelism.tensorSize': 2 }),
      spec({
        'worker.devicesPerWorker': 1,
        'worker.replicas': 4,
        'parallelism.pipelineSize': 3,
      }),
    ],
  },
  'spec: a queued live job has no topology': {
    accepts: [
      spec({ 'scheduling.topology': { key: 'rack' }, 'scheduling.queueName': 'q' }),
      spec({ 'worker.elasticity': 'Live', 'scheduling.queueName': 'q' }),
      spec({ 'worker.elasticity': 'Live', 'scheduling.topology': { key: 'rack' } }),
    ],
    rejects: [
      spec({
        'worker.elasticity': 'Live',
        'scheduling.queueName': 'q',
        'scheduling.topology': { key: 'rack' },
      }),
    ],
  },
  'spec: forced replacement needs a durable checkpoint': {
    accepts: [
      spec({}),
      spec({ 'failurePolicy.nodeLostPolicy': 'ForceReplace', 'checkpoint.destination': { s3 } }),
    ],
    rejects: [spec({ 'failurePolicy.nodeLostPolicy': 'ForceReplace' })],
  },
  'model.source has one member': oneMember,
  'model.source is not local': notLocal,
  'dataset.train has one member': oneMember,
  'dataset.train is not local': notLocal,
  'dataset.eval has one member': oneMember,
  'dataset.eval is not local': notLocal,
  'checkpoint.destination has one member': oneMember,
  'checkpoint.destination is not local': notLocal,
  'checkpoint.resumeFrom.source has one member': oneMember,
  'checkpoint.resumeFrom.source is not local': notLocal,
  'checkpoint.resumeFrom has one source': {
    accepts: [{ job: 'a' }, { source: { s3 }, step: 3 }],
    rejects: [{}, { step: 3 }, { job: 'a', source: { s3 } }],
  },
  'output.destination has one member': oneMember,
  'output.destination is not local': notLocal,
  'output: somewhere to put the result': {
    accepts: [{ destination: { s3 } }, { pushToHub: { repository: 'a/b' } }],
    rejects: [{}, { formats: ['GGUF'] }],
  },
  'source: a path stays inside its volume': {
    accepts: ['a', '.', 'a/b..c', '..a/b', 'a/...'],
    rejects: ['/a', '..', '../a', 'a/../b', 'a/..'],
  },
  'dataset: tokensPerSequence only when packed': {
    accepts: [dataset({}), dataset({ packing: 'Packed', tokensPerSequence: 2048 })],
    rejects: [dataset({ tokensPerSequence: 2048 })],
  },
  'dataset: a packed sequence holds the longest document': {
    accepts: [dataset({}), dataset({ tokensPerSequence: 1024 })],
    rejects: [dataset({ tokensPerSequence: 1023 })],
  },
  'evaluation: instructions need an evaluation': {
    accepts: [
      { profile: 'Default', tokens: 64, instructions: 64 },
      { profile: 'Disabled', tokens: 64, instructions: 0 },
    ],
    rejects: [{ profile: 'Disabled', tokens: 64, instructions: 1 }],
  },
  'evaluation: limits need an evaluation': {
    accepts: [
      { profile: 'Disabled', tokens: 64 },
      { profile: 'Strict', tokens: 64, overrides: { maxDivergence: '0.1' } },
    ],
    rejects: [{ profile: 'Disabled', tokens: 64, overrides: { minAgreement: '0.9' } }],
  },
  'dataset: a text with a class is whole': {
    accepts: [
      dataset({ overlength: 'Split' }),
      dataset({ labels: ['a', 'b'] }),
      dataset({ labels: ['a', 'b'], overlength: 'Truncate' }),
    ],
    rejects: [dataset({ labels: ['a', 'b'], overlength: 'Split' })],
  },
  'dataset: eval or heldOut': {
    accepts: [dataset({}), dataset({ heldOut: { samples: 3 } }), dataset({ eval: { s3 } })],
    rejects: [dataset({ heldOut: { samples: 3 }, eval: { s3 } })],
  },
  'dataset.heldOut has one amount': {
    accepts: [{ samples: 3 }, { percent: '5' }],
    rejects: [{}, { samples: 3, percent: '5' }],
  },
  'method: says what is trained': {
    accepts: [{ preset: 'Full' }, { adapter: { type: 'None' } }],
    rejects: [{}, { optimizer: { type: 'SGD' } }],
  },
  'training: steps or epochs': {
    accepts: [training({}), training({ epochs: undefined, maxSteps: 3 })],
    rejects: [training({ maxSteps: 3 }), training({ epochs: undefined })],
  },
  'training: batch in sequences or tokens': {
    accepts: [training({}), training({ globalBatchSize: undefined, globalBatchTokens: 3 })],
    rejects: [training({ globalBatchTokens: 3 }), training({ globalBatchSize: undefined })],
  },
  'training: micro-batches fill the batch': {
    accepts: [
      training({}),
      training({ microBatchSize: 8 }),
      training({ globalBatchSize: undefined, microBatchSize: 5 }),
    ],
    rejects: [training({ microBatchSize: 5 }), training({ microBatchSize: 64 })],
  },
  'training: skipping needs the whole gradient': {
    accepts: [
      training({}),
      training({ 'gradientClip.mode': 'Block', 'nonFinitePolicy.action': 'Rollback' }),
      training({ 'gradientClip.mode': 'None', 'nonFinitePolicy.action': 'Fail' }),
    ],
    rejects: [
      training({ 'gradientClip.mode': 'Block' }),
      training({ 'gradientClip.mode': 'None' }),
    ],
  },
  'worker: an elastic job has a range': {
    accepts: [worker({}), worker({ elasticity: 'Live', minReplicas: 1, maxReplicas: 2 })],
    rejects: [
      worker({ elasticity: 'Live' }),
      worker({ elasticity: 'AtStart', minReplicas: 1 }),
      worker({ elasticity: 'Live', maxReplicas: 1 }),
    ],
  },
  'worker: replicas are in range': {
    accepts: [
      worker({ replicas: 9, minReplicas: 1, maxReplicas: 2 }),
      worker({ elasticity: 'Live', replicas: 2, minReplicas: 1, maxReplicas: 2 }),
      worker({ elasticity: 'Live', replicas: 2, minReplicas: 3 }),
    ],
    rejects: [
      worker({ elasticity: 'Live', replicas: 3, minReplicas: 1, maxReplicas: 2 }),
      worker({ elasticity: 'AtStart', replicas: 1, minReplicas: 2, maxReplicas: 2 }),
    ],
  },
  'worker: claims or devices': {
    accepts: [
      worker({}),
      worker({ deviceResourceName: 'amd.com/gpu' }),
      worker({ devicesPerWorker: 1, resourceClaims: [{ name: 'a' }] }),
      worker({ resourceClaims: [], deviceResourceName: 'amd.com/gpu' }),
    ],
    rejects: [
      worker({
        ...{ devicesPerWorker: 1, resourceClaims: [{ name: 'a' }] },
        deviceResourceName: 'amd.com/gpu',
      }),
    ],
  },
  'worker: claims are for devices': {
    accepts: [
      worker({}),
      worker({ resourceClaims: [] }),
      worker({ devicesPerWorker: 1, resourceClaims: [{ name: 'a' }] }),
    ],
    rejects: [worker({ resourceClaims: [{ name: 'a' }] })],
  },
  'worker.labels: reserved prefixes are refused': reservedKeys('labels'),
  'worker.annotations: reserved prefixes are refused': reservedKeys('annotations'),
  'worker.env: own prefixes are refused': {
    accepts: [
      { name: 'OMP_NUM_THREADS', value: '2' },
      { name: 'MY_ANNEAL_X', value: '' },
    ],
    rejects: [
      { name: 'ANNEAL_NATS_URL', value: '' },
      { name: 'HF_TOKEN', value: '' },
      { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' },
    ],
  },
  'worker.resources.requests: no devices': plainResources('requests'),
  'worker.resources.limits: no devices': plainResources('limits'),
  'worker.resourceClaims: one claim or a template': {
    accepts: [
      { name: 'a', resourceClaimName: 'b' },
      { name: 'a', resourceClaimTemplateName: 'b' },
    ],
    rejects: [{ name: 'a' }, { name: 'a', resourceClaimName: 'b', resourceClaimTemplateName: 'c' }],
  },
  'toleration: Exists compares no value': {
    accepts: [
      { key: 'a', operator: 'Exists' },
      { key: 'a', operator: 'Exists', value: '' },
      { key: 'a', operator: 'Equal', value: 'b' },
      { key: 'a', value: 'b' },
    ],
    rejects: [{ key: 'a', operator: 'Exists', value: 'b' }],
  },
  'toleration: all keys are tolerated by Exists': {
    accepts: [{ operator: 'Exists' }, { key: 'a' }],
    rejects: [{}, { operator: 'Equal' }, { value: 'b' }],
  },
  'toleration: a time is for NoExecute': {
    accepts: [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'a', effect: 'NoExecute', tolerationSeconds: 5 },
    ],
    rejects: [
      { key: 'a', tolerationSeconds: 5 },
      { key: 'a', effect: 'NoSchedule', tolerationSeconds: 5 },
    ],
  },
  'requirement on nodes: as many values as the operator compares with': {
    accepts: [
      { key: 'a', operator: 'Exists' },
      { key: 'a', operator: 'In', values: ['b', 'c'] },
      { key: 'a', operator: 'Gt', values: ['1'] },
      { key: 'a', operator: 'Lt', values: ['1'] },
    ],
    rejects: [
      { key: 'a', operator: 'DoesNotExist', values: ['b'] },
      { key: 'a', operator: 'In' },
      { key: 'a', operator: 'Gt' },
      { key: 'a', operator: 'Lt', values: ['1', '2'] },
    ],
  },
  'requirement on labels: as many values as the operator compares with': {
    accepts: [
      { key: 'a', operator: 'Exists' },
      { key: 'a', operator: 'DoesNotExist', values: [] },
      { key: 'a', operator: 'In', values: ['b', 'c'] },
      { key: 'a', operator: 'NotIn', values: ['b'] },
    ],
    rejects: [
      { key: 'a', operator: 'Exists', values: ['b'] },
      { key: 'a', operator: 'In' },
      { key: 'a', operator: 'NotIn', values: [] },
    ],
  },
  'storage.data has one volume': oneVolume,
  'storage.scratch has one volume': oneVolume,
  'failurePolicy.rules: one condition': {
    accepts: [
      { onExitCodes: [1], action: 'Fail' },
      { onReasons: ['Hang'], action: 'Ignore' },
    ],
    rejects: [{ action: 'Fail' }, { onExitCodes: [1], onReasons: ['Hang'], action: 'Fail' }],
  },
};

/** Rules that `decimal()` makes carry their bounds in their id, and their cases follow from it. */
export function decimalCases(id: string): Cases | undefined {
  const bound = (words: string) => {
    const match = new RegExp(`${words} (-?[0-9.]+)`).exec(id);
    return match === null ? undefined : Number(match[1]);
  };
  if (!id.startsWith('decimal ')) return undefined;
  const [above, min, below, max] = [
    bound('greater than'),
    bound('at least'),
    bound('less than'),
    bound('at most'),
  ];
  const inside = (below ?? max ?? 10) / 2 + (min ?? above ?? 0) / 2;
  const texts = (...values: (number | undefined)[]) =>
    values.filter((v) => v !== undefined).map(String);
  const over = (value: number | undefined, by: number) =>
    value === undefined ? undefined : value + by;
  return {
    accepts: texts(inside, min, max),
    rejects: texts(above, below, over(above, -1), over(min, -0.5), over(below, 1), over(max, 1)),
  };
}
