// Metrics of clouds: what they are asked and how long that takes, and what need not be asked. Labels are clouds, configured targets and
// outcomes of closed sets (F-40).

import { Counter, Histogram, type Registry } from 'prom-client';
import type { CacheUse, CloudCall } from '../../core/cloud-ports.ts';

export interface CloudMetrics {
  cloudCalled(call: CloudCall): void;
  cacheUsed(target: string, use: CacheUse): void;
}

export function addClouds(registers: Registry[]): CloudMetrics {
  const calls = new Counter({
    name: 'exchequer_cloud_calls_total',
    help: 'Calls of clouds for credentials, retries included, and questions that found no place behind the others.',
    labelNames: ['cloud', 'target', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'exchequer_cloud_call_duration_seconds',
    help: 'How long a cloud takes for one call.',
    labelNames: ['cloud'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
    registers,
  });
  const uses = new Counter({
    name: 'exchequer_cloud_cache_total',
    help: 'What became of requests for credentials of clouds at the cache.',
    labelNames: ['target', 'use'],
    registers,
  });
  return {
    cloudCalled({ cloud, target, outcome, tookMs }: CloudCall) {
      calls.inc({ cloud, target, outcome });
      if (outcome !== 'too_many') durations.observe({ cloud }, tookMs / 1_000);
    },
    cacheUsed: (target: string, use: CacheUse) => uses.inc({ target, use }),
  };
}
