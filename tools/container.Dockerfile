# A stand-in for public.ecr.aws/lambda/provided:al2023 where that can't be
# pulled: a shell for SAM's own image on top, and Lambda's directories. Unlike
# Amazon's it has no root certificates, so no POST over TLS succeeds.
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "/sbin", "/usr/bin", "/usr/sbin", "/tmp", "/var/task", "/var/runtime"]
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/usr/local/bin:/usr/bin:/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime
WORKDIR /var/task
