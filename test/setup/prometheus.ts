/**
 * What the Prometheus world itself says to our metrics, monitors and rules: promtool and the parser
 * of PromQL, compiled from its Go module, and the resource definitions of the Prometheus operator,
 * which are files of its module. All once, into the cache.
 */
import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { runGo } from './go.ts';

const module = join(import.meta.dirname, 'prometheus');
const promtool = 'github.com/prometheus/prometheus/cmd/promtool';
const operatorModule = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';

/** Plurals of the definitions that a chart of ours makes objects of. */
export const monitoringPlurals = ['servicemonitors', 'podmonitors', 'prometheusrules'] as const;

interface Prometheus {
  /** Reads expressions, tells what is in them. */
  readonly promql: string;
  /** Plays alert rules over invented series, and judges a page of metrics. */
  readonly promtool: string;
  /** Files of definitions, by plural. */
  readonly definitions: Readonly<Record<(typeof monitoringPlurals)[number], string>>;
}

const downloaded = z.object({ Dir: z.string() });

export function prometheus(): Promise<Prometheus> {
  return ensurePrometheus(thisSetup(new AbortController().signal));
}

async function ensurePrometheus(setup: Setup): Promise<Prometheus> {
  const hash = createHash('sha256').update(`${operatorModule} ${setup.machine.arch}`);
  for (const name of ['go.mod', 'go.sum', 'main.go']) {
    hash.update(await readFile(join(module, name)));
  }
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, `prometheus-${hash.digest('hex').slice(0, 12)}`),
    // The modules and the objects of the build are in Go's own caches.
    bytes: 1.5e9,
    make: (staging) =>
      setup.steps.step(
        'prometheus',
        'compiling promtool and the parser of PromQL, some minutes',
        () => make(setup, staging),
      ),
  });
  const fileOf = (plural: string) => join(folder, `${plural}.yaml`);
  return {
    promql: join(folder, 'promql'),
    promtool: join(folder, 'promtool'),
    definitions: {
      servicemonitors: fileOf('servicemonitors'),
      podmonitors: fileOf('podmonitors'),
      prometheusrules: fileOf('prometheusrules'),
    },
  };
}

async function make(setup: Setup, staging: string): Promise<void> {
  const needs = 'tests read rules and monitors as Prometheus does, by parts of it';
  const shared = { what: 'promtool', needs, hint: 'install Go 1.26 or newer' };
  // Without its ways to discover targets, whose clients of clouds are most of promtool.
  const flags = ['-mod=readonly', '-tags=remove_all_sd', '-ldflags=-s -w'];
  for (const [name, main] of Object.entries({ promql: '.', promtool })) {
    await runGo(setup, {
      ...shared,
      args: ['build', ...flags, '-o', join(staging, name), main],
      cwd: module,
      env: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-trimpath -buildvcs=false -p=2' },
    });
  }
  const answer = await runGo(setup, {
    ...shared,
    args: ['mod', 'download', '-json', operatorModule],
    cwd: staging,
    env: { GOWORK: 'off' },
  });
  const { Dir } = downloaded.parse(JSON.parse(answer));
  for (const plural of monitoringPlurals) {
    const name = `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`;
    await copyFile(join(Dir, name), join(staging, `${plural}.yaml`));
  }
}
