// What every program of ours tells of its own process.
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { programVersion } from '../../crds/names/version.ts';

/**
 * Sums that prom-client names like counters though they are gauges; each is there without the
 * suffix too, by type.
 */
const misnamed = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** Processor, memory, file descriptors and event loop, and which program of which version it is. */
export function collectProcessMetrics(registry: Registry, program: string): void {
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const info = new Gauge({
    name: 'anneal_build_info',
    help: 'Always 1; its labels tell program and version. It marks our series among those that other operators have too.',
    labelNames: ['program', 'version'],
    registers: [registry],
  });
  info.set({ program, version: programVersion }, 1);
}
