// The field that a misplaced or foreign name probably means. Used in hints only.
import { allPaths } from '../explain/explain.ts';
import { nearestName } from '../text/nearest-name.ts';
import { pathInWords } from './problem.ts';

interface Elsewhere {
  readonly kind: 'path' | 'sentence';
  readonly text: string;
}

/** Reserved names, and names that users expect but that are omitted on purpose. */
const sentences = new Map(
  Object.entries({
    'spec.federated':
      'the name is reserved for federated training, which this version does not implement',
    'spec.preflight': 'the name is reserved; this version does not implement it',
    'spec.dataset.trainOn':
      'the name is reserved; chats are trained on the turns of the assistant, completions without their prompts',
    'spec.model.ref': 'a source is written under spec.model.source',
    'spec.model.precision': 'set spec.method.precision; frozen weights are stored in its type',
    'spec.model.format': 'the format is detected from the files; remove this line',
    'spec.model.trustRemoteCode': 'code from a hub is never run; remove this line',
    'spec.worker.command': 'workers run the program of their image; the command cannot be replaced',
    'spec.worker.securityContext': 'workers always run under the restricted Pod Security profile',
    'spec.worker.hostNetwork': 'workers never use the network of their node',
    'spec.method.type':
      'the method is written axis by axis: set spec.method.preset, or spec.method.adapter',
    'spec.training.gradientClipNorm': 'write spec.training.gradientClip: { norm: "1" }',
  }),
);

/** Names of other tools, from their documentation, in lower case without underscores. */
const foreign = new Map(
  Object.entries({
    modelnameorpath: 'spec.model.source',
    basemodel: 'spec.model.source',
    datasetname: 'spec.dataset.train',
    cutofflen: 'spec.dataset.sequenceLength',
    sequencelen: 'spec.dataset.sequenceLength',
    maxlength: 'spec.dataset.sequenceLength',
    maxseqlength: 'spec.dataset.sequenceLength',
    samplepacking: 'spec.dataset.packing',
    perdevicetrainbatchsize: 'spec.training.microBatchSize',
    gradientaccumulationsteps:
      'spec.training.globalBatchSize, the sequences of a step over all devices',
    batchsize: 'spec.training.globalBatchSize',
    numtrainepochs: 'spec.training.epochs',
    numepochs: 'spec.training.epochs',
    lr: 'spec.training.learningRate',
    lrschedulertype: 'spec.training.schedule.type',
    lrscheduler: 'spec.training.schedule.type',
    maxgradnorm: 'spec.training.gradientClip.norm',
    gradientclipping: 'spec.training.gradientClip.norm',
    optim: 'spec.method.optimizer',
    gradientcheckpointing: 'spec.parallelism.activationRecomputation',
    lorar: 'spec.method.adapter.lora.rank',
    r: 'spec.method.adapter.lora.rank',
    lorarank: 'spec.method.adapter.lora.rank',
    loraalpha: 'spec.method.adapter.lora.alpha',
    loradropout: 'spec.method.adapter.lora.dropout',
    loratarget: 'spec.method.adapter.lora.targetModules',
    loratargetmodules: 'spec.method.adapter.lora.targetModules',
    savesteps: 'spec.checkpoint.intervalSteps',
    savetotallimit: 'spec.checkpoint.retain.latest',
    evalsteps: 'spec.training.evaluation.intervalSteps',
    valsize: 'spec.dataset.heldOut',
    valsetsize: 'spec.dataset.heldOut',
    bf16: 'spec.method.precision',
    dtype: 'spec.method.precision',
    resumefromcheckpoint: 'spec.checkpoint.resumeFrom',
    outputdir: 'spec.output.destination',
  }),
);

export function elsewhere(path: readonly PropertyKey[], key: string): Elsewhere | undefined {
  const sentence = sentences.get(pathInWords(path));
  if (sentence !== undefined) return { kind: 'sentence', text: sentence };
  const known = foreign.get(key.toLowerCase().replaceAll(/[-_]/g, ''));
  if (known !== undefined) return { kind: 'path', text: known };
  return key.length < 3 ? undefined : ownName(key);
}

/** The shallowest field with this name. */
function ownName(key: string): Elsewhere | undefined {
  const byName = new Map<string, string>();
  for (const path of allPaths()) {
    if (!path.startsWith('spec.') || /[\]*]$/.test(path)) continue;
    const name = path.slice(path.lastIndexOf('.') + 1);
    const before = byName.get(name);
    if (before === undefined || depth(path) < depth(before)) byName.set(name, path);
  }
  const near = nearestName(key, [...byName.keys()]);
  const path = near === undefined ? undefined : byName.get(near);
  return path === undefined ? undefined : { kind: 'path', text: path };
}

function depth(path: string): number {
  return path.split('.').length;
}
