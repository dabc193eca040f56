import { count, plural } from "@/lib/format";

export const texts = {
  title: "Overview",
  description: (org: string) => `The fleet of ${org}, as it is now.`,
  setUp: {
    title: "Not much here yet",
    description: "A few steps lead from here to a first job.",
    action: "Set up step by step",
  },
  all: "All",
  fleet: {
    bar: "Instances by what they do",
    none: "There are none at the moment. Runners make them.",
    starting: "Starting",
    stopping: "Stopping",
    draining: (value: number) => `${count(value)} of them draining`,
    whole: (value: number) => plural(value, "instance"),
    noun: (value: number) => (value === 1 ? "instance" : "instances"),
  },
  runners: "Runners",
  withoutJob: (value: number) => `${count(value)} without a job`,
  room: "Room",
  free: (value: number) => `${count(value)} free`,
  used: (used: number, capacity: number) => `${count(used)} of ${count(capacity)} in use`,
  tasks: "Tasks waiting",
  noTasks: "Workers keep up.",
  workers: "Workers alive",
  slots: (value: number) => `${plural(value, "task")} at once`,
  noWorkers: "Nothing starts or stops until one runs.",
  redisAway: "Redis does not answer",
  noWorkersTitle: "No worker is alive",
  noWorkersHint: "Instances are neither started, watched nor removed. Start a worker; what is to be done waits for it.",
  failures: {
    title: "Recent failures",
    none: "No failed instances",
    noneHint:
      "One that fails is listed here for a day, with its cause and what helps, until it is removed or started again.",
    noReason: "No reason was given; its timeline says what happened.",
  },
  headroom: {
    title: "Room on the nodes",
    more: (value: number) => `${count(value)} more`,
  },
  workerList: {
    title: "Workers",
    seen: "heard",
    none: "No worker has been heard of for a minute.",
  },
  queue: (name: string) => (name.startsWith("host.") ? `on ${name.slice(5)}` : name),
};
