/**
 * Logging metrics in the background. What holds:
 *
 * <ul>
 *   <li>A logging call appends to a queue and returns. It waits only while the queue is full, 0.1 s at most.
 *   <li>Points go by one stream per writer. Nothing is stored twice: batches are numbered, over all retries and
 *       restarts.
 *   <li>While the server does not answer, batches wait in memory, and in a spool file. Only when that file is full or
 *       cannot be written are points lost; that is counted, and logged as a warning.
 *   <li>What the server refuses for good is found by halving its batch, so that its neighbours are stored.
 *   <li>What is not sent when a writer closes stays in the spool file. The next writer of the same user to the same
 *       server, in this language or in Python, or {@code milepost sync}, sends it.
 * </ul>
 */
package dev.milepost.client.writer;
