// One run of the real command on the demo's model and conversations, and its report.
import type { Setup } from '../../cli/setup/setup.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import { documentNamed, type JobDocument, runDocument } from './run-document.ts';

export interface BenchJob {
  readonly name: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  /** What is different from 60 conversations of at most 256 tokens, four of them held out. */
  readonly dataset?: Readonly<Record<string, unknown>>;
  readonly parallelism?: Readonly<Record<string, unknown>>;
  readonly formats: readonly string[];
  /** Type of the matrices of a GGUF file. @default 'BF16' */
  readonly gguf?: string;
  readonly steps: number;
  /** Folder that holds another model than the demo's, as `model`. */
  readonly modelVolume?: string;
  /** Trainers that share the model; the report is that of the first. @default 1 */
  readonly workers?: number;
}

/** The job as its file has it. */
export function documentOf(job: BenchJob): JobDocument {
  const { name, method, training, dataset, parallelism, formats, gguf, steps, workers = 1 } = job;
  const claim = (claimName: string, path: string) => ({
    persistentVolumeClaim: { claimName, path },
  });
  const demo = (path: string) => claim('demo', path);
  const spec = {
    model: { source: job.modelVolume === undefined ? demo('model') : claim('drawn', 'model') },
    dataset: {
      ...{ train: demo('sharegpt.json'), format: 'Chat', maxSamples: 60, overlength: 'Skip' },
      ...{
        heldOut: { samples: 4 },
        sequenceLength: 256,
        packing: 'Packed',
        tokensPerSequence: 512,
      },
      ...dataset,
    },
    method,
    training: { maxSteps: steps, globalBatchSize: workers, learningRate: '1e-4', ...training },
    ...(parallelism === undefined ? {} : { parallelism }),
    worker: { devicesPerWorker: 0 },
    output: {
      ...{ formats, destination: { local: { path: name } } },
      ...(gguf === undefined ? {} : { gguf: { type: gguf } }),
    },
  };
  return documentNamed(name, spec);
}

/** `volume` is the folder of the demo; runs and results lie in `scratch`. */
export async function runJob(
  setup: Setup,
  job: BenchJob,
  volume: string,
  scratch: string,
): Promise<RunReport> {
  const { modelVolume, workers = 1 } = job;
  const drawn = modelVolume === undefined ? {} : { drawn: modelVolume };
  const volumes = { demo: volume, ...drawn };
  return await runDocument(setup, documentOf(job), { volumes, scratch, workers });
}
