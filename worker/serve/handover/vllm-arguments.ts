// Arguments of `vllm serve` that follow from the files of base and adapters; those that follow from
// the spec alone are in the pod (operator/server/vllm-pod.ts).
import type { HandoverSettings } from '../../../crds/serve/handover.ts';

export interface GivenAdapter {
  readonly name: string;
  readonly folder: string;
  readonly rank: number;
}

/** Values of --max-lora-rank that all versions since 0.6 have, ascending. */
export const vllmRanks = [8, 16, 32, 64, 128, 256, 512] as const;

type Settings = Pick<HandoverSettings, 'name' | 'context' | 'together'>;

/** `contextLength` is that of the model, beyond which vLLM does not start. */
export function vllmArguments(
  { name: base, context, together }: Settings,
  contextLength: number,
  adapters: readonly GivenAdapter[],
): readonly string[] {
  const length = ['--max-model-len', String(Math.min(context, contextLength))];
  if (adapters.length === 0) return length;
  const largest = Math.max(...adapters.map(({ rank }) => rank));
  const most = vllmRanks.find((rank) => rank >= largest) ?? largest;
  // The form in JSON: a path may have a comma, and the answer to /v1/models names the base.
  const modules = adapters.map(({ name, folder }) =>
    JSON.stringify({ name, path: folder, base_model_name: base }),
  );
  return [
    ...length,
    '--enable-lora',
    // So many adapters are in one step, and the others of all of them in the memory of the host.
    ...['--max-loras', String(Math.min(adapters.length, together))],
    ...['--max-cpu-loras', String(adapters.length)],
    ...['--max-lora-rank', String(most)],
    ...['--lora-modules', ...modules],
  ];
}
