// The role `handover`: puts a base in place for vLLM, and says with which arguments vLLM serves it
// and those adapters that it can load as they were trained.
import { TerminalError } from '../../../crds/failures/errors.ts';
import { type PlacedAdapter, placeOf } from '../../../crds/serve/adapter-list.ts';
import {
  type HandoverSettings,
  handedOver,
  handedOverFile,
  handoverFile,
  handoverSettings,
} from '../../../crds/serve/handover.ts';
import { decoderConfig } from '../../decoder/config.ts';
import { readModelHeaders } from '../../decoder/model-headers.ts';
import { linearLayers } from '../../engine/adapted-layers.ts';
import type { ModelConfig } from '../../families/family.ts';
import { environmentOf } from '../../prepare/environment.ts';
import { modelPath, resolveAdapter } from '../../prepare/resolve-source.ts';
import { configFile, tensorFile } from '../../publish/peft-files.ts';
import type { Role, RoleContext } from '../../role.ts';
import { requireRecord, writeRecord } from '../../run-folder.ts';
import { resolveBase } from '../base-source.ts';
import { refusalOf } from '../refusal.ts';
import { rankFor } from './adapter-for-vllm.ts';
import { type GivenAdapter, vllmArguments } from './vllm-arguments.ts';

export const handoverRole: Role = async (context) => {
  const settings = await requireRecord(context.folder, handoverFile, handoverSettings);
  const source = await resolveBase(settings, context);
  const path = modelPath(source);
  const { config, gguf } = readModelHeaders(path);
  if (gguf !== undefined) {
    throw unusable(`${source.origin} is a GGUF file, and vLLM is given models in safetensors`);
  }
  requireSplit(config, settings);
  const base = {
    ...{ linears: linearLayers(config), digest: source.digest },
    acceptsUnnamed: settings.anyBase,
  };
  const given: GivenAdapter[] = [];
  const refused: { name: string; reason: string }[] = [];
  for (const adapter of settings.adapters) {
    const { name } = adapter;
    try {
      const folder = await folderOf(adapter, settings, context);
      given.push({ name, folder, rank: await rankFor(name, folder, base) });
    } catch (error) {
      refused.push({ name, reason: refusalOf(error, placeOf(adapter)) });
    }
  }
  const args = vllmArguments(settings, config.contextLength, given);
  await writeRecord(context.folder, handedOverFile, handedOver, {
    ...{ model: path, arguments: [...args], refused },
  });
};

async function folderOf(
  adapter: PlacedAdapter,
  settings: HandoverSettings,
  context: RoleContext,
): Promise<string> {
  if ('folder' in adapter) return adapter.folder;
  const environment = await environmentOf(settings, context, 'model');
  const files = [configFile, tensorFile];
  const { root } = await resolveAdapter(adapter, files, environment, context.stop);
  return root;
}

/** vLLM splits heads over devices, and ends where they do not come out even. */
function requireSplit(config: ModelConfig, { devices }: HandoverSettings): void {
  const { NH } = decoderConfig(config);
  if (NH % devices === 0) return;
  throw unusable(
    `the model has ${NH} attention heads, and vLLM cannot split them over ${devices} devices; spec.devicesPerReplica must divide them`,
  );
}

function unusable(message: string): TerminalError {
  return new TerminalError({ code: 'E_INVALID_MODEL', message });
}
