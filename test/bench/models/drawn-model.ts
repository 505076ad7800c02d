import type { Setup } from '../../../cli/setup/setup.ts';

/** Its folder, by a module that is loaded when the addon stands. */
export async function drawnModel(setup: Setup, demo: string, shape: string): Promise<string> {
  const { ensureShapedModel } = await import('./shaped-model.ts');
  return ensureShapedModel(setup, demo, shape);
}
