// A quantized model that makes pictures has no tokens to be asked: it makes pictures of fixed noise
// beside the trained model, and how far they are apart is said.
import { isIntegerForm } from '../../crds/names/result-folders.ts';
import type { ArtifactEvaluation } from '../../crds/wire/artifact-evaluation.ts';
import { samplesApart } from '../denoising/compare-samples.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { samplingOf } from './calibration.ts';
import { notEvaluated } from './evaluate-artifact.ts';

const pictures = 32;

/** Of the forms of a model that is not asked any questions. */
export async function comparedBySamples(
  { clock, emit, stop }: Pick<RoleContext, 'clock' | 'emit' | 'stop'>,
  { format, reload }: Pick<ArtifactWriter, 'format' | 'reload'>,
  folder: string,
  facts: ArtifactFacts,
): Promise<ArtifactEvaluation> {
  const none = notEvaluated(facts.run);
  const { quantization } = facts.run.spec.output;
  const isCompared = facts.model.config.kind === 'diffusion' && isIntegerForm(format);
  if (none.profile === 'Disabled' || quantization === undefined || !isCompared) return none;
  const began = clock.monotonic();
  const copy = await reload(folder, facts.model.dtype);
  using _parameters = copy.parameters;
  trimMemory();
  const sampling = samplingOf(facts, quantization);
  const { meanSquare } = await samplesApart([facts.model, copy], sampling, pictures, (done) => {
    stop.throwIfAborted();
    const progress = { done, total: pictures, unit: 'Records' } as const;
    const subject = `pictures of ${format}`;
    emit({ type: 'stage', stage: 'Export', state: 'Running', subject, ...progress });
  });
  const { steps, guidance } = sampling;
  const psnr = meanSquare === 0 ? null : 10 * Math.log10(4 / meanSquare);
  return {
    ...none,
    samples: { pictures, steps, guidance, meanSquare, psnr },
    seconds: (clock.monotonic() - began) / 1000,
  };
}
