"""What the doctor says of parts that are in order, and of parts that are not."""
