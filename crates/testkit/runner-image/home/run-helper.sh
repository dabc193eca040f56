#!/bin/bash
# Runs the listener once and turns its exit code into the container's, which hides most failures.
./bin/Runner.Listener run "$@"
code=$?
case $code in
0)
    echo "Runner listener exit with 0 return code, stop the service, no retry needed."
    exit 0
    ;;
1)
    echo "Runner listener exit with terminated error, stop the service, no retry needed."
    exit 0
    ;;
2)
    echo "Runner listener exit with retryable error, re-launch runner in 5 seconds."
    sleep 5
    exit 2
    ;;
5)
    echo "Runner listener exit with Session Conflict error, stop the service, no retry needed."
    exit 0
    ;;
7)
    echo "Runner listener exit with version deprecated error, stop the service, no retry needed."
    exit 7
    ;;
*)
    echo "Exiting with unknown error code: ${code}"
    exit 0
    ;;
esac
