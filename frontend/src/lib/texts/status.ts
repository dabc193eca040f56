import { plural } from "@/lib/format";

/** What statuses are called and what they mean; those of runners in GitHub's own words. */
export const texts = {
  states: {
    pending: { word: "Pending", explain: "No worker has taken it yet." },
    creating: { word: "Creating", explain: "The image, the registration and the container are being prepared." },
    starting: { word: "Starting", explain: "The container runs; the runner has not come online yet." },
    draining: { word: "Draining", explain: "It is to go. A job it still runs is never killed." },
    stopping: { word: "Stopping", explain: "GitHub no longer knows it; the container is being removed." },
    stopped: { word: "Stopped", explain: "No container and no registration. It can be started again." },
    removed: { word: "Removed", explain: "Gone for good." },
    failed: { word: "Failed", explain: "It cannot go on by itself; the reason says what to do." },
  },
  statuses: {
    idle: { word: "Idle", explain: "Connected to GitHub and waiting for a job." },
    busy: { word: "Active", explain: "Running a job." },
    online: { word: "Online", explain: "Connected to GitHub; whether it runs a job is not known yet." },
    offline: { word: "Offline", explain: "Not connected to GitHub, or not heard of for five minutes." },
  },
  unknown: { word: "Unknown", explain: "The server sent a status this page does not know." },
  runner: {
    none: { word: "No instances", explain: "Nothing takes its jobs until an instance is started." },
    offline: (what: string[]) => `None of its instances is connected to GitHub: ${what.join(", ")}.`,
    counts: {
      offline: (value: number) => `${plural(value, "is", "are")} offline`,
      failed: (value: number) => `${plural(value, "has", "have")} failed`,
      starting: (value: number) => `${plural(value, "is", "are")} being started`,
      leaving: (value: number) => `${plural(value, "is", "are")} on the way out`,
      stopped: (value: number) => `${plural(value, "is", "are")} stopped`,
    },
  },
  node: {
    ready: { word: "Ready", explain: "Its Docker engine answered the last check." },
    paused: { word: "Paused", explain: "It takes no new instances until it is resumed." },
    checking: { word: "Checking", explain: "It has not been checked yet." },
    unreachable: { word: "Unreachable", explain: "Its Docker engine did not answer the last check." },
  },
  /** Why something can't be done with an instance, as the server would say it. */
  whyNot: {
    removed: "It is gone.",
    beingRemoved: "It is being removed.",
    beingStarted: "It is being started already.",
    running: "It is running already.",
    beingRestarted: "It is being restarted already.",
    stopFirst: "It is being stopped; start it once it has stopped, or restart it.",
    beingStopped: "It is being stopped already.",
    stopped: "It has stopped already.",
    failed: "It has failed and does not run; start it again or remove it.",
    notRunning: "It does not run; start it.",
    unknown: "It is in a state this page does not know.",
  },
};
